//! Streams that end, and servers that forget.

use std::time::Duration;

use super::{Mode, Scene, note};
use crate::xds::Backoff;

#[test]
fn waits_are_random_grow_and_are_bounded() {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    assert_eq!(backoff.next(0), Duration::from_millis(10));
    backoff.reset();
    let most = |backoff: &mut Backoff| backoff.next(u64::MAX).as_millis();
    let waits: Vec<_> = (0..9).map(|_| most(&mut backoff)).collect();
    // One nanosecond is missing from each.
    assert_eq!(
        waits,
        [499, 999, 1999, 3999, 7999, 15_999, 29_999, 29_999, 29_999]
    );
    backoff.reset();
    let half = backoff.next(u64::MAX / 2);
    assert!((250..260).contains(&half.as_millis()), "{half:?}");
}

#[test]
fn a_new_stream_begins_with_the_last_good_version() {
    let mut scene = Scene::asking(Mode::StateOfTheWorld, &["a"]);
    scene.respond("1", "n1", vec![note("a", "x")]);
    scene.requests();
    scene.respond("2", "n2", vec![note("a", "bad")]);
    scene.events();
    scene.client.disconnected("reset", scene.now, u64::MAX);
    assert_eq!(scene.events(), ["a: disconnected: reset"]);
    assert_eq!(scene.requests(), [], "to nobody");
    assert!(!scene.client.wants_to_connect(scene.now));
    let at = scene.client.next_wake().expect("the next attempt");
    assert!(at - scene.now < Duration::from_millis(500));
    scene.now = at;
    scene.connect();
    let request = scene.request();
    assert_eq!(request.version_info, "1");
    assert_eq!(request.response_nonce, "");
    assert_eq!(request.error_detail, None);
    assert_eq!(request.resource_names, ["a"]);
    assert!(request.node.is_some());
}

#[test]
fn a_response_makes_the_next_wait_short() {
    let mut scene = Scene::asking(Mode::StateOfTheWorld, &["a"]);
    for _ in 0..10 {
        scene.reconnect();
    }
    scene.respond("1", "n1", vec![]);
    scene.client.disconnected("reset", scene.now, u64::MAX);
    let at = scene.client.next_wake().expect("the next attempt");
    assert!(at - scene.now < Duration::from_millis(500));
}

#[test]
fn everything_is_asked_for_again_from_time_to_time() {
    let mut scene = Scene::asking(Mode::StateOfTheWorld, &["a"]);
    scene.respond("1", "n1", vec![note("a", "x")]);
    scene.requests();
    scene.events();
    scene.pass(59_999);
    assert_eq!(scene.requests(), []);
    scene.now = scene.client.next_wake().expect("another request");
    let request = scene.request();
    assert_eq!(request.response_nonce, "", "as if it were the first");
    assert_eq!(request.version_info, "1");
    assert_eq!(scene.requests(), []);
    scene.respond("1", "n2", vec![note("a", "x")]);
    assert_eq!(scene.events(), ["a 1: unchanged"]);
    assert_eq!(scene.request().response_nonce, "n2");
}

#[test]
fn the_node_may_be_named_once_a_stream() {
    let mut scene = Scene::new(Mode::StateOfTheWorld);
    let mut settings = super::Settings::new(Mode::StateOfTheWorld, Default::default());
    settings.node_once = true;
    let kind = super::ResourceType {
        type_url: super::TYPE,
        is_whole: false,
        decode: super::decode,
    };
    scene.client = super::Client::new(settings, vec![kind]);
    scene.client.watch(super::TYPE, "a", None, scene.now);
    for _ in 0..2 {
        scene.connect();
        assert!(scene.request().node.is_some());
        scene.respond("1", "n1", vec![]);
        assert!(scene.request().node.is_none());
        scene.client.disconnected("gone", scene.now, 0);
        scene.pass(10);
    }
}

#[test]
fn a_stream_for_nothing_is_not_opened_again() {
    let mut scene = Scene::asking(Mode::StateOfTheWorld, &["a"]);
    scene.client.unwatch(super::TYPE, "a");
    scene.client.closed();
    assert!(!scene.client.wants_to_connect(scene.now));
    assert_eq!(scene.client.next_wake(), None);
    scene.client.watch(super::TYPE, "b", None, scene.now);
    assert!(scene.client.wants_to_connect(scene.now));
}
