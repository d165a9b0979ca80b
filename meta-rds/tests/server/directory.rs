//! Folders of files.

use std::fs;

use meta_rds::{
    LoadError,
    server::{RouteDirectory, RouteSnapshot},
};

use crate::support::{Folder, to};

fn open(folder: &Folder) -> (RouteDirectory, RouteSnapshot) {
    RouteDirectory::open(folder.path()).unwrap_or_else(|error| panic!("{error}"))
}

fn names(snapshot: &RouteSnapshot) -> Vec<&str> {
    snapshot.names().collect()
}

fn reason(error: Option<LoadError>) -> String {
    error.expect("something is wrong").reason()
}

#[test]
fn every_file_counts_and_nothing_else() {
    let folder = Folder::new();
    folder.write("a.yaml", &to("a", "x"));
    folder.write("b.yml", &format!("{}\n---\n{}", to("b", "x"), to("c", "x")));
    folder.write("d.json", r#"{ "name": "d", "routes": [] }"#);
    folder.write("notes.txt", "nothing to read");
    folder.write(".hidden.yaml", "nothing: to read");
    let (_, snapshot) = open(&folder);
    assert_eq!(names(&snapshot), ["a", "b", "c", "d"]);
}

#[test]
fn changes_are_seen() {
    let folder = Folder::new();
    folder.write("a.yaml", &to("a", "x"));
    folder.write("b.yaml", &to("b", "x"));
    let (mut directory, first) = open(&folder);
    assert!(matches!(directory.poll(), (None, None)));
    folder.write("a.yaml", &to("a", "y"));
    fs::remove_file(folder.join("b.yaml")).expect("removed");
    folder.write("c.yaml", &to("c", "x"));
    // What is new is looked at twice.
    let (snapshot, error) = match directory.poll() {
        (None, None) => directory.poll(),
        other => other,
    };
    assert!(error.is_none());
    let snapshot = snapshot.expect("another");
    assert_eq!(names(&snapshot), ["a", "c"]);
    assert_ne!(snapshot.resource("a"), first.resource("a"));
    let number = |snapshot: &RouteSnapshot| snapshot.version().parse::<u64>().expect("a number");
    assert!(number(&snapshot) > number(&first));
    assert!(matches!(directory.poll(), (None, None)));
}

#[test]
fn a_bad_file_changes_nothing_and_holds_nobody_up() {
    let folder = Folder::new();
    folder.write("a.yaml", &to("a", "x"));
    folder.write("b.yaml", &to("b", "x"));
    let (mut directory, first) = open(&folder);
    folder.write("a.yaml", "name: a\nroutes: [ { rote: {} } ]\n");
    folder.write("b.yaml", &to("b", "y"));
    let (snapshot, error) = directory.poll();
    let path = folder.join("a.yaml");
    let text = reason(error);
    assert!(
        text.starts_with(&format!(
            "{}:2: routes[0].rote: unknown field",
            path.display()
        )),
        "{text}"
    );
    let snapshot = snapshot.expect("the other");
    assert_eq!(snapshot.resource("a"), first.resource("a"));
    assert_ne!(snapshot.resource("b"), first.resource("b"));
    // Told once; and good again when it is.
    assert!(matches!(directory.poll(), (None, None)));
    folder.write("a.yaml", &to("a", "y"));
    let (snapshot, error) = directory.poll();
    assert!(error.is_none());
    assert_ne!(snapshot.expect("both").resource("a"), first.resource("a"));
}

#[test]
fn files_that_do_not_go_together_change_nothing() {
    let folder = Folder::new();
    folder.write("a.yaml", &to("a", "x"));
    folder.write("b.yaml", &to("b", "x"));
    let (mut directory, _) = open(&folder);
    folder.write("b.yaml", &to("a", "y"));
    let (snapshot, error) = directory.poll();
    assert!(snapshot.is_none());
    let text = reason(error);
    assert!(
        text.contains("b.yaml: there is a table \"a\" already, in "),
        "{text}"
    );
}

#[test]
fn a_file_that_is_being_written_is_left_alone() {
    let folder = Folder::new();
    folder.write("a.yaml", &to("a", "x"));
    let (mut directory, first) = open(&folder);
    let text = to("a", "somewhere");
    // In place: half of it, then all.
    fs::write(folder.join("a.yaml"), &text[..text.len() / 2]).expect("written");
    assert!(matches!(directory.poll(), (None, None)));
    fs::write(folder.join("a.yaml"), &text).expect("written");
    assert!(matches!(directory.poll(), (None, None)));
    let (snapshot, error) = directory.poll();
    assert!(error.is_none());
    assert_ne!(snapshot.expect("all").resource("a"), first.resource("a"));
}

#[cfg(unix)]
#[test]
fn links_are_exchanged_as_kubernetes_does() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let version = |name: &str, cluster: &str| {
        fs::create_dir(folder.join(name)).expect("a folder");
        fs::write(folder.join(name).join("a.yaml"), to("a", cluster)).expect("written");
    };
    version("..1", "x");
    symlink("..1", folder.join("..data")).expect("linked");
    symlink("..data/a.yaml", folder.join("a.yaml")).expect("linked");
    let (mut directory, first) = open(&folder);
    version("..2", "y");
    symlink("..2", folder.join("..next")).expect("linked");
    fs::rename(folder.join("..next"), folder.join("..data")).expect("exchanged");
    let (snapshot, _) = directory.poll();
    assert_ne!(
        snapshot.expect("another").resource("a"),
        first.resource("a")
    );
}

#[test]
fn what_cannot_be_opened_is_told() {
    let folder = Folder::new();
    let missing = folder.join("missing");
    let error = RouteDirectory::open(&missing).expect_err("it is not there");
    assert!(error.reason().starts_with(&missing.display().to_string()));
    folder.write("a.yaml", "x: 1");
    folder.write("b.yaml", "y: 1");
    let error = RouteDirectory::open(folder.path()).expect_err("both are wrong");
    assert_eq!(error.problems.len(), 2);
}
