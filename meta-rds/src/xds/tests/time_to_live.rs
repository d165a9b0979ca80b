//! Times: of first fetches, and of resources that hold for a while.

use std::time::Duration;

use envoy_types::pb::{envoy::service::discovery::v3::Resource, google::protobuf::Any};
use prost::{Message, Name};

use super::{Mode, Scene, TYPE, note, wrapped};

fn any(resource: Resource) -> Any {
    Any {
        type_url: Resource::type_url(),
        value: resource.encode_to_vec(),
    }
}

#[test]
fn a_first_fetch_may_take_so_long() {
    let mut scene = Scene::new(Mode::StateOfTheWorld);
    let limit = Some(Duration::from_secs(15));
    scene.client.watch(TYPE, "a", limit, scene.now);
    scene.client.watch(TYPE, "b", limit, scene.now);
    scene.client.watch(TYPE, "c", None, scene.now);
    // Though there is no connection.
    scene.pass(14_000);
    scene.connect();
    scene.respond("1", "n1", vec![note("a", "x")]);
    scene.events();
    scene.pass(999);
    assert_eq!(scene.events(), [""; 0]);
    scene.pass(1);
    assert_eq!(scene.events(), ["b: timed out"]);
    scene.pass(60_000);
    assert_eq!(scene.events(), [""; 0]);
    scene.respond("2", "n2", vec![note("b", "late")]);
    assert_eq!(scene.events(), ["b 2: late"]);
}

#[test]
fn what_is_wrong_or_empty_ends_no_first_fetch() {
    let mut scene = Scene::new(Mode::StateOfTheWorld);
    let limit = Some(Duration::from_secs(15));
    scene.client.watch(TYPE, "a", limit, scene.now);
    scene.connect();
    scene.respond("1", "n1", vec![]);
    scene.respond("2", "n2", vec![note("a", "bad")]);
    scene.events();
    scene.pass(15_000);
    assert_eq!(scene.events(), ["a: timed out"]);
}

#[test]
fn a_resource_runs_out_unless_it_is_said_to_hold() {
    let mut scene = Scene::asking(Mode::StateOfTheWorld, &["a"]);
    scene.respond("1", "n1", vec![any(wrapped("a", "", Some("x"), Some(10)))]);
    assert_eq!(scene.events(), ["a 1: x"]);
    scene.request();
    scene.pass(9_000);
    // A heartbeat has no body, and is answered like everything.
    scene.respond("1", "n2", vec![any(wrapped("a", "", None, Some(10)))]);
    let ack = scene.request();
    assert_eq!((&*ack.response_nonce, ack.error_detail), ("n2", None));
    scene.pass(9_000);
    assert_eq!(scene.events(), [""; 0]);
    scene.now = scene.client.next_wake().expect("it runs out");
    scene.pass(0);
    assert_eq!(scene.events(), ["a: expired"]);
    scene.respond("2", "n3", vec![any(wrapped("a", "", Some("x"), None))]);
    assert_eq!(scene.events(), ["a 2: unchanged"]);
    scene.pass(600_000);
    assert_eq!(scene.events(), [""; 0], "it holds without bound");
}

#[test]
fn a_heartbeat_may_lift_the_bound() {
    let mut scene = Scene::asking(Mode::Delta, &["a"]);
    scene.respond_delta("n1", vec![wrapped("a", "v1", Some("x"), Some(10))], &[]);
    scene.respond_delta("n2", vec![wrapped("a", "v1", None, None)], &[]);
    scene.events();
    scene.pass(60_000);
    assert_eq!(scene.events(), [""; 0]);
}

#[test]
fn a_resource_that_ran_out_is_asked_for_anew() {
    let mut scene = Scene::asking(Mode::Delta, &["a"]);
    scene.respond_delta("n1", vec![wrapped("a", "v1", Some("x"), Some(1))], &[]);
    scene.requests();
    scene.pass(1_000);
    scene.reconnect();
    let versions = scene.delta_request().initial_resource_versions;
    assert!(versions.is_empty());
}

#[test]
fn times_that_are_none_are_refused() {
    for seconds in [-1, i64::MAX] {
        let mut scene = Scene::asking(Mode::StateOfTheWorld, &["a"]);
        let resource = any(wrapped("a", "", Some("x"), Some(seconds)));
        scene.respond("1", "n1", vec![resource]);
        assert!(scene.request().error_detail.is_some());
    }
}
