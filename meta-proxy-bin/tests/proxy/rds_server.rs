//! `meta-proxy rds-server`: what it serves, and what it says of bad files.

use std::{fs, sync::Arc};

use meta_rds::{
    ConfigSource, GrpcServer, GrpcSource, GrpcTarget, NodeInfo, PlainDialer, RdsManager,
    RdsSettings, RouteWatch,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, time};

use crate::{program::Program, toy::PATIENCE};

mod tls;

fn write(folder: &TempDir, name: &str, text: &str) {
    let new = folder.path().join(".new");
    fs::write(&new, text).expect("written");
    fs::rename(new, folder.path().join(name)).expect("renamed");
}

fn to(cluster: &str) -> String {
    format!("{{ name: shop, routes: [ {{ route: {{ cluster: {cluster} }} }} ] }}")
}

fn watch(server: &str) -> (RdsManager, RouteWatch) {
    let target = GrpcTarget::plain(server);
    let source = ConfigSource::Grpc(GrpcSource::new(GrpcServer::Target(target)));
    let manager = RdsManager::new(&NodeInfo::default(), Arc::new(PlainDialer::new()));
    let watch = manager.watch(&RdsSettings::new("shop", source));
    (manager, watch)
}

async fn next(watch: &mut RouteWatch) -> String {
    let table = time::timeout(PATIENCE, watch.changed())
        .await
        .expect("in time");
    let (_, route) = table.routes().next().expect("a route");
    route.destinations[0].cluster.to_string()
}

#[test]
fn files_are_served_as_they_change() {
    let folder = TempDir::new().expect("a folder");
    write(&folder, "shop.yaml", &to("one"));
    let path = folder.path().to_str().expect("it is UTF-8");
    let program = Program::start(&["rds-server", "--routes", path, "--listen", "127.0.0.1:0"]);
    let address = program.address("serving routes on ");
    assert_eq!(program.line(), "  shop");
    Runtime::new().expect("a runtime").block_on(async {
        let (_manager, mut watch) = watch(&address.to_string());
        assert_eq!(next(&mut watch).await, "one");
        write(
            &folder,
            "shop.yaml",
            "name: shop\nroutes: [ { rote: {} } ]\n",
        );
        program.wait_for_log("shop.yaml:2: routes[0].rote: unknown field");
        write(&folder, "shop.yaml", &to("two"));
        assert_eq!(next(&mut watch).await, "two");
    });
    program.signal("TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_unix_socket_will_do() {
    let folder = TempDir::new().expect("a folder");
    write(&folder, "shop.yaml", &to("one"));
    let socket = folder.path().join("control.sock");
    let address = format!("unix:{}", socket.display());
    let path = folder.path().to_str().expect("it is UTF-8");
    let program = Program::start(&["rds-server", "--routes", path, "--listen", &address]);
    assert_eq!(program.line(), format!("serving routes on {address}"));
    Runtime::new().expect("a runtime").block_on(async {
        let (_manager, mut watch) = watch(&address);
        assert_eq!(next(&mut watch).await, "one");
    });
    program.signal("TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!socket.exists());
}

#[test]
fn bad_files_and_missing_folders_are_refused_at_the_start() {
    let folder = TempDir::new().expect("a folder");
    write(&folder, "shop.yaml", "name: shop\nroutes: [ {} ]\n");
    let path = folder.path().to_str().expect("it is UTF-8");
    let (code, log) = Program::start(&["rds-server", "--routes", path]).end();
    assert_eq!(code, Some(1));
    assert!(
        log.contains("shop.yaml:2: routes[0].route: required"),
        "{log}"
    );
    let missing = format!("{path}/missing");
    let (code, log) = Program::start(&["rds-server", "--routes", &missing]).end();
    assert_eq!(code, Some(1));
    assert!(log.contains(&missing), "{log}");
}
