//! State of the world: what each response is answered with.

use std::time::Duration;

use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryResponse, Resource};
use prost::{Message, Name};

use super::{Mode, OTHER, Scene, TYPE, note, wrapped};
use crate::xds::Response;

fn scene() -> Scene {
    Scene::asking(Mode::StateOfTheWorld, &["a", "b"])
}

#[test]
fn the_first_request_names_all_and_has_no_nonce() {
    let mut scene = Scene::new(Mode::StateOfTheWorld);
    assert!(!scene.client.wants_to_connect(scene.now), "for nothing");
    scene.client.watch(TYPE, "b", None, scene.now);
    scene.client.watch(TYPE, "a", None, scene.now);
    scene.connect();
    let request = scene.request();
    assert_eq!(request.type_url, TYPE);
    assert_eq!(request.resource_names, ["a", "b"]);
    assert_eq!(request.response_nonce, "");
    assert_eq!(request.version_info, "");
    assert_eq!(request.node.expect("who asks").id, "me");
    assert_eq!(scene.requests(), []);
}

#[test]
fn what_is_good_is_acknowledged() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "x"), note("b", "y")]);
    assert_eq!(scene.events(), ["a 1: x", "b 1: y"]);
    let ack = scene.request();
    assert_eq!(ack.version_info, "1");
    assert_eq!(ack.response_nonce, "n1");
    assert_eq!(ack.resource_names, ["a", "b"]);
    assert_eq!(ack.error_detail, None);
    assert_eq!(scene.requests(), []);
}

#[test]
fn what_is_wrong_is_refused_with_the_reason_and_the_last_good_version() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "x")]);
    scene.request();
    scene.events();
    scene.respond("2", "n2", vec![note("a", "bad")]);
    assert_eq!(scene.events(), ["a 2: refused: a: \"bad\" is bad"]);
    let nack = scene.request();
    assert_eq!(nack.version_info, "1");
    assert_eq!(nack.response_nonce, "n2");
    let error = nack.error_detail.expect("the reason");
    assert_eq!((error.code, &*error.message), (13, "a: \"bad\" is bad"));
    // It goes on from the last good one.
    scene.respond("3", "n3", vec![note("a", "x")]);
    assert_eq!(scene.events(), ["a 3: unchanged"]);
    assert_eq!(scene.request().version_info, "3");
}

#[test]
fn what_is_good_beside_what_is_wrong_is_taken() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "bad"), note("b", "y")]);
    assert_eq!(
        scene.events(),
        ["a 1: refused: a: \"bad\" is bad", "b 1: y"]
    );
    let nack = scene.request();
    assert_eq!(nack.version_info, "");
    assert!(nack.error_detail.is_some());
}

#[test]
fn a_refusal_of_the_same_waits_longer_each_time_and_not_long() {
    let mut scene = scene();
    let mut waits = Vec::new();
    for nonce in 0..8 {
        scene.respond("1", &nonce.to_string(), vec![note("a", "bad")]);
        let begin = scene.now;
        while scene.requests().is_empty() {
            scene.now = scene.client.next_wake().expect("an answer is due");
        }
        waits.push((scene.now - begin).as_millis());
    }
    assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000, 1000]);
    // Something new is refused at once again, and something good acknowledged.
    scene.pass(100);
    scene.respond("2", "new", vec![note("a", "bad too")]);
    assert!(scene.request().error_detail.is_some());
    scene.respond("3", "good", vec![note("a", "x")]);
    assert_eq!(scene.request().error_detail, None);
}

#[test]
fn versions_that_change_do_not_make_refusals_cheap() {
    let mut scene = scene();
    let begin = scene.now;
    let mut count = 0u32;
    while scene.now < begin + Duration::from_secs(10) {
        count += 1;
        let text = if count.is_multiple_of(2) {
            "bad"
        } else {
            "worse"
        };
        let resources = vec![note("a", &format!("bad {text} {count}"))];
        scene.respond(&count.to_string(), &count.to_string(), resources);
        while scene.requests().is_empty() {
            scene.now = scene.client.next_wake().expect("an answer is due");
        }
    }
    assert!(count <= 102, "{count} in 10 s");
}

#[test]
fn a_response_before_the_refusal_of_the_last_hurries_it() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "bad")]);
    scene.request();
    scene.respond("1", "n2", vec![note("a", "bad")]);
    assert_eq!(scene.requests(), []);
    scene.respond("2", "n3", vec![note("a", "x")]);
    let answers = scene.requests();
    assert_eq!(answers.len(), 2, "each of them once, in their order");
    assert_eq!(scene.requests(), []);
}

#[test]
fn nothing_is_no_change() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "x")]);
    scene.request();
    scene.events();
    scene.respond("2", "n2", vec![]);
    assert_eq!(scene.events(), ["a: empty", "b: empty"]);
    let ack = scene.request();
    assert_eq!((&*ack.version_info, ack.error_detail), ("2", None));
    scene.respond("3", "n3", vec![note("a", "x")]);
    assert_eq!(scene.events(), ["a 3: unchanged"]);
}

#[test]
fn what_nobody_asked_for_is_not_even_read() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("c", "bad"), note("a", "x")]);
    assert_eq!(scene.events(), ["a 1: x"]);
    assert_eq!(scene.request().error_detail, None);
}

#[test]
fn of_two_by_one_name_the_last_counts() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "bad"), note("a", "x")]);
    assert_eq!(scene.events(), ["a 1: x"]);
    assert_eq!(scene.request().error_detail, None);
}

#[test]
fn what_means_the_same_is_no_change() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "xyz")]);
    scene.events();
    scene.respond("2", "n2", vec![note("a", "zyx")]);
    assert_eq!(scene.events(), ["a 2: unchanged"]);
    scene.respond("3", "n3", vec![note("a", "zy")]);
    assert_eq!(scene.events(), ["a 3: zy"]);
}

#[test]
fn nonsense_is_refused() {
    let truncated = |mut any: envoy_types::pb::google::protobuf::Any| {
        any.value.pop();
        any
    };
    let mut other = note("a", "x");
    other.type_url = OTHER.to_owned();
    let mut wrong_wrapper = note("a", "x");
    wrong_wrapper.type_url = Resource::type_url();
    let named_otherwise = {
        let mut wrapper = wrapped("a", "", Some("x"), None);
        wrapper.name = "b".to_owned();
        let mut any = note("", "");
        any.type_url = Resource::type_url();
        any.value = wrapper.encode_to_vec();
        any
    };
    for (any, reason) in [
        (truncated(note("a", "x")), "resources[0]: cannot be decoded"),
        (other, "resources[0]: expected"),
        (note("", "x"), "resources[0]: it has no name"),
        (wrong_wrapper, "resources[0]: "),
        (named_otherwise, "\"b\" holds a resource named \"a\""),
    ] {
        let mut scene = scene();
        scene.respond("1", "n1", vec![any]);
        let nack = scene.request();
        let message = nack.error_detail.expect("it is refused").message;
        assert!(message.contains(reason), "{message}");
        assert_eq!(nack.version_info, "");
        // It might be either.
        let told = format!("1: refused: {message}");
        assert_eq!(scene.events(), [format!("a {told}"), format!("b {told}")]);
    }
}

#[test]
fn a_long_reason_is_cut() {
    let mut scene = scene();
    scene.respond(
        "1",
        "n1",
        vec![note("a", &format!("bad{}", "ü".repeat(4000)))],
    );
    let message = scene.request().error_detail.expect("it is refused").message;
    assert!(message.len() <= 4096 && message.len() > 4000);
}

#[test]
fn a_type_nobody_asked_for_is_refused_and_that_not_often() {
    let mut scene = scene();
    let stranger = DiscoveryResponse {
        version_info: "1".to_owned(),
        nonce: "n".to_owned(),
        type_url: "type.googleapis.com/who.Knows".to_owned(),
        ..DiscoveryResponse::default()
    };
    let response = Response::StateOfTheWorld(stranger.clone());
    scene.client.receive(response.clone(), scene.now);
    let nack = scene.request();
    assert_eq!(nack.type_url, stranger.type_url);
    assert_eq!(nack.response_nonce, "n");
    assert!(nack.error_detail.is_some());
    assert!(nack.resource_names.is_empty());
    scene.client.receive(response, scene.now);
    assert_eq!(scene.requests(), []);
    scene.now = scene.client.next_wake().expect("an answer is due");
    assert_eq!(scene.requests().len(), 1);
}

#[test]
fn names_come_and_go() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "x")]);
    scene.request();
    scene.client.watch(TYPE, "c", None, scene.now);
    scene.client.unwatch(TYPE, "b");
    let request = scene.request();
    assert_eq!(request.resource_names, ["a", "c"]);
    assert_eq!(request.version_info, "1");
    assert_eq!(request.response_nonce, "n1");
    assert_eq!(request.error_detail, None);
    scene.client.unwatch(TYPE, "a");
    scene.client.unwatch(TYPE, "c");
    assert!(!scene.client.is_wanted(), "the stream is to be closed");
}

#[test]
fn a_refusal_that_waits_tells_new_names_at_once() {
    let mut scene = scene();
    scene.respond("1", "n1", vec![note("a", "bad")]);
    scene.requests();
    scene.respond("1", "n2", vec![note("a", "bad")]);
    assert_eq!(scene.requests(), []);
    scene.client.watch(TYPE, "c", None, scene.now);
    let request = scene.request();
    assert!(request.error_detail.is_some());
    assert_eq!(request.resource_names, ["a", "b", "c"]);
}

#[test]
fn a_type_asked_for_whole_loses_what_is_left_out() {
    let mut scene = Scene::new(Mode::StateOfTheWorld);
    scene.client.watch_all(OTHER);
    scene.connect();
    assert!(scene.request().resource_names.is_empty());
    let mut respond = |version: &str, names: &[&str]| {
        let resources = names.iter().map(|name| {
            let mut any = note(name, "x");
            any.type_url = OTHER.to_owned();
            any
        });
        let response = DiscoveryResponse {
            version_info: version.to_owned(),
            nonce: version.to_owned(),
            type_url: OTHER.to_owned(),
            resources: resources.collect(),
            ..DiscoveryResponse::default()
        };
        let response = Response::StateOfTheWorld(response);
        scene.client.receive(response, scene.now);
        scene.events()
    };
    assert_eq!(respond("1", &["a", "b"]), ["a 1: x", "b 1: x"]);
    assert_eq!(respond("2", &["b"]), ["b 2: unchanged", "a: removed"]);
    assert_eq!(respond("3", &[]), ["b: removed"]);
}
