//! Delta: what is asked and answered.

use std::collections::HashMap;

use super::{Mode, Scene, TYPE, wrapped};

fn scene() -> Scene {
    Scene::asking(Mode::Delta, &["a", "b"])
}

#[test]
fn the_first_request_subscribes() {
    let mut scene = Scene::new(Mode::Delta);
    scene.client.watch(TYPE, "a", None, scene.now);
    scene.connect();
    let request = scene.delta_request();
    assert_eq!(request.resource_names_subscribe, ["a"]);
    assert!(request.initial_resource_versions.is_empty());
    assert_eq!(request.response_nonce, "");
    assert_eq!(request.node.expect("who asks").id, "me");
}

#[test]
fn what_changed_is_acknowledged() {
    let mut scene = scene();
    scene.respond_delta("n1", vec![wrapped("a", "v1", Some("x"), None)], &[]);
    assert_eq!(scene.events(), ["a v1: x"]);
    let ack = scene.delta_request();
    assert_eq!((&*ack.response_nonce, ack.error_detail), ("n1", None));
    assert!(ack.resource_names_subscribe.is_empty());
    // The same contents in a new version.
    scene.respond_delta("n2", vec![wrapped("a", "v2", Some("x"), None)], &[]);
    assert_eq!(scene.events(), ["a v2: unchanged"]);
}

#[test]
fn a_new_stream_tells_what_is_there() {
    let mut scene = scene();
    scene.respond_delta("n1", vec![wrapped("a", "v1", Some("x"), None)], &[]);
    scene.requests();
    scene.reconnect();
    let request = scene.delta_request();
    assert_eq!(request.resource_names_subscribe, ["a", "b"]);
    let held = HashMap::from([("a".to_owned(), "v1".to_owned())]);
    assert_eq!(request.initial_resource_versions, held);
    assert_eq!(request.response_nonce, "");
}

#[test]
fn what_is_wrong_is_refused_and_keeps_its_version() {
    let mut scene = scene();
    scene.respond_delta("n1", vec![wrapped("a", "v1", Some("x"), None)], &[]);
    scene.requests();
    scene.events();
    let both = vec![
        wrapped("a", "v2", Some("bad"), None),
        wrapped("b", "v1", Some("y"), None),
    ];
    scene.respond_delta("n2", both, &[]);
    assert_eq!(
        scene.events(),
        ["a v2: refused: a: \"bad\" is bad", "b v1: y"]
    );
    let nack = scene.delta_request();
    assert_eq!(nack.response_nonce, "n2");
    assert_eq!(nack.error_detail.expect("the reason").code, 13);
    scene.reconnect();
    let held = scene.delta_request().initial_resource_versions;
    assert_eq!(held["a"], "v1");
    assert_eq!(held["b"], "v1");
}

#[test]
fn two_by_one_name_are_refused_and_nothing_is_taken() {
    let mut scene = scene();
    let both = vec![
        wrapped("b", "v1", Some("z"), None),
        wrapped("a", "v1", Some("x"), None),
        wrapped("a", "v2", Some("y"), None),
    ];
    scene.respond_delta("n1", both, &["b"]);
    let told = "n1: refused: resources[2]: \"a\" is there twice";
    assert_eq!(scene.events(), [format!("b {told}"), format!("a {told}")]);
    let error = scene.delta_request().error_detail.expect("the reason");
    assert_eq!(error.message, "resources[2]: \"a\" is there twice");
}

#[test]
fn what_is_taken_back_is_told() {
    let mut scene = scene();
    scene.respond_delta("n1", vec![wrapped("a", "v1", Some("x"), None)], &[]);
    scene.requests();
    scene.events();
    scene.respond_delta("n2", vec![], &["a", "b", "c"]);
    assert_eq!(scene.events(), ["a: removed", "b: removed"]);
    assert_eq!(scene.delta_request().error_detail, None);
    scene.reconnect();
    let request = scene.delta_request();
    assert!(request.initial_resource_versions.is_empty());
    scene.events();
    // It is back, and is what it was.
    scene.respond_delta("n3", vec![wrapped("a", "v1", Some("x"), None)], &[]);
    assert_eq!(scene.events(), ["a v1: unchanged"]);
}

#[test]
fn names_come_and_go() {
    let mut scene = scene();
    scene.client.watch(TYPE, "c", None, scene.now);
    scene.client.watch(TYPE, "d", None, scene.now);
    scene.client.unwatch(TYPE, "d");
    scene.client.unwatch(TYPE, "a");
    let request = scene.delta_request();
    assert_eq!(request.resource_names_subscribe, ["c"]);
    assert_eq!(request.resource_names_unsubscribe, ["a"]);
    assert_eq!(request.response_nonce, "");
    // Taken back and asked for again: the server is to send it anew.
    scene.client.unwatch(TYPE, "b");
    scene.client.watch(TYPE, "b", None, scene.now);
    let request = scene.delta_request();
    assert_eq!(request.resource_names_subscribe, ["b"]);
    assert!(request.resource_names_unsubscribe.is_empty());
}

#[test]
fn nothing_at_all_is_acknowledged() {
    let mut scene = scene();
    scene.respond_delta("n1", vec![], &[]);
    assert_eq!(scene.events(), ["a: empty", "b: empty"]);
    assert_eq!(scene.delta_request().error_detail, None);
}
