//! Routes in a file of their own.

use std::{fs, time::Duration};

use meta_rds::{ConfigSource, FileSource, FirstFetch, RdsState, RouteWatch};

use crate::support::{Folder, LONG, manager, next, settings, to, until};

fn source(folder: &Folder) -> ConfigSource {
    let mut file = FileSource::new(folder.join("routes.yaml"));
    file.poll_interval = Duration::from_millis(10);
    ConfigSource::File(file)
}

async fn refused(watch: &RouteWatch, reason: &str) {
    until(reason, || {
        let refused = watch.status().refused;
        refused.is_some_and(|refused| refused.reason.contains(reason))
    })
    .await;
}

#[tokio::test]
async fn a_file_is_read_whenever_it_changes() {
    let folder = Folder::new();
    folder.write("routes.yaml", &to("a", "x"));
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(&folder)));
    assert_eq!(watch.ready().await, FirstFetch::Done);
    assert_eq!(next(&mut watch).await, "x");
    // Put in its place, and written where it is.
    folder.write("routes.yaml", &to("a", "y"));
    assert_eq!(next(&mut watch).await, "y");
    fs::write(folder.join("routes.yaml"), to("a", "somewhere")).expect("written");
    assert_eq!(next(&mut watch).await, "somewhere");
    // Written anew, and the same.
    let reloads = watch.stats().config_reload;
    let successes = watch.stats().update_success;
    folder.write("routes.yaml", &to("a", "somewhere"));
    until("it is read", || watch.stats().update_success > successes).await;
    assert_eq!(watch.stats().config_reload, reloads);
}

#[tokio::test]
async fn a_file_is_taken_whole_or_not_at_all() {
    let folder = Folder::new();
    folder.write(
        "routes.yaml",
        &format!("{}\n---\n{}", to("a", "x"), to("b", "x")),
    );
    let manager = manager();
    let mut a = manager.watch(&settings("a", source(&folder)));
    let mut b = manager.watch(&settings("b", source(&folder)));
    assert_eq!(
        (next(&mut a).await, next(&mut b).await),
        ("x".into(), "x".into())
    );
    let bad = format!(
        "{}\n---\nname: b\nroutes: [ {{ rote: {{}} }} ]\n",
        to("a", "y")
    );
    folder.write("routes.yaml", &bad);
    refused(&a, "routes.yaml:4: routes[0].rote: unknown field").await;
    refused(&b, "routes.yaml:4: routes[0].rote: unknown field").await;
    assert_eq!(a.stats().config_reload, 1);
    assert_eq!(a.status().state, RdsState::Refused);
    folder.write(
        "routes.yaml",
        &format!("{}\n---\n{}", to("a", "y"), to("b", "z")),
    );
    assert_eq!(
        (next(&mut a).await, next(&mut b).await),
        ("y".into(), "z".into())
    );
    assert_eq!(a.status().refused, None);
}

#[tokio::test]
async fn a_discovery_response_with_its_version() {
    let folder = Folder::new();
    let text = |cluster: &str| {
        format!(
            "version_info: v-{cluster}
resources:
- '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: a
  virtual_hosts:
  - {{ name: d, domains: ['*'], routes: [ {{ match: {{ prefix: / }}, route: {{ cluster: {cluster} }} }} ] }}
"
        )
    };
    folder.write("routes.yaml", &text("x"));
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(&folder)));
    assert_eq!(next(&mut watch).await, "x");
    assert_eq!(watch.status().version, "v-x");
    folder.write("routes.yaml", &text("y"));
    assert_eq!(next(&mut watch).await, "y");
}

#[tokio::test]
async fn a_file_that_goes_leaves_its_routes() {
    let folder = Folder::new();
    folder.write("routes.yaml", &to("a", "x"));
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(&folder)));
    assert_eq!(next(&mut watch).await, "x");
    fs::remove_file(folder.join("routes.yaml")).expect("removed");
    until("it is noticed", || !manager.control_planes()[0].connected).await;
    assert!(watch.routes().is_some());
    folder.write("routes.yaml", &to("a", "y"));
    assert_eq!(next(&mut watch).await, "y");
    assert!(manager.control_planes()[0].connected);
}

#[tokio::test]
async fn a_file_that_comes_late() {
    let folder = Folder::new();
    let manager = manager();
    let mut settings = settings("a", source(&folder));
    settings.initial_fetch_timeout = Some(Duration::from_millis(50));
    let mut watch = manager.watch(&settings);
    let ready = tokio::time::timeout(LONG, watch.ready()).await;
    assert_eq!(ready.expect("in time"), FirstFetch::TimedOut);
    folder.write("routes.yaml", &to("a", "x"));
    assert_eq!(next(&mut watch).await, "x");
}

#[tokio::test]
async fn who_comes_after_it_was_read_has_it_too() {
    let folder = Folder::new();
    folder.write(
        "routes.yaml",
        &format!("{}\n---\n{}", to("a", "x"), to("b", "y")),
    );
    let manager = manager();
    let mut a = manager.watch(&settings("a", source(&folder)));
    assert_eq!(next(&mut a).await, "x");
    let mut b = manager.watch(&settings("b", source(&folder)));
    assert_eq!(next(&mut b).await, "y");
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_exchanged_as_kubernetes_does() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let version = |name: &str, cluster: &str| {
        fs::create_dir(folder.join(name)).expect("a folder");
        fs::write(folder.join(name).join("routes.yaml"), to("a", cluster)).expect("written");
    };
    version("..1", "x");
    symlink("..1", folder.join("..data")).expect("linked");
    symlink("..data/routes.yaml", folder.join("routes.yaml")).expect("linked");
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(&folder)));
    assert_eq!(next(&mut watch).await, "x");
    version("..2", "y");
    symlink("..2", folder.join("..next")).expect("linked");
    fs::rename(folder.join("..next"), folder.join("..data")).expect("exchanged");
    assert_eq!(next(&mut watch).await, "y");
    assert!(folder.path().exists());
}
