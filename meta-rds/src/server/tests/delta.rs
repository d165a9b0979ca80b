//! Delta.

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn subscribe(add: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        resource_names_subscribe: names(add),
        ..DeltaDiscoveryRequest::default()
    }
}

/// The names of what is sent, and of what is gone.
fn sent(
    response: Option<envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryResponse>,
) -> Option<(Vec<String>, Vec<String>)> {
    let response = response?;
    let names = response.resources.into_iter().map(|resource| resource.name);
    Some((names.collect(), response.removed_resources))
}

fn expect(changed: &[&str], gone: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
    Some((names(changed), names(gone)))
}

#[test]
fn what_changes_is_sent() {
    let one = snapshot("1", &[("a", "x"), ("b", "x"), ("c", "x")]);
    let mut stream = DeltaStream::default();
    let (response, _) = stream.request(&subscribe(&["a", "b"]), Some(&one));
    assert_eq!(sent(response), expect(&["a", "b"], &[]));
    let two = snapshot("2", &[("a", "x"), ("b", "y"), ("c", "y")]);
    assert_eq!(sent(stream.changed(&two)), expect(&["b"], &[]));
    let three = snapshot("3", &[("b", "y")]);
    assert_eq!(sent(stream.changed(&three)), expect(&[], &["a"]));
    assert_eq!(sent(stream.changed(&three)), None);
    assert_eq!(sent(stream.changed(&one)), expect(&["a", "b"], &[]));
}

#[test]
fn what_is_not_there_is_told_once() {
    let one = snapshot("1", &[]);
    let mut stream = DeltaStream::default();
    let (response, _) = stream.request(&subscribe(&["a"]), Some(&one));
    assert_eq!(sent(response), expect(&[], &["a"]));
    assert_eq!(sent(stream.changed(&snapshot("2", &[]))), None);
    let three = snapshot("3", &[("a", "x")]);
    assert_eq!(sent(stream.changed(&three)), expect(&["a"], &[]));
}

#[test]
fn what_a_client_has_is_not_sent_again() {
    let one = snapshot("1", &[("a", "x"), ("b", "x")]);
    let held = one.resources()["a"].version.clone();
    let mut first = subscribe(&["a", "b"]);
    first.initial_resource_versions = HashMap::from([("a".to_owned(), held)]);
    let mut stream = DeltaStream::default();
    let (response, _) = stream.request(&first, Some(&one));
    assert_eq!(sent(response), expect(&["b"], &[]));
    // Unless it asks for it.
    let (response, _) = stream.request(&subscribe(&["a"]), Some(&one));
    assert_eq!(sent(response), expect(&["a"], &[]));
}

#[test]
fn no_names_at_first_are_all() {
    let one = snapshot("1", &[("a", "x"), ("b", "x")]);
    let mut stream = DeltaStream::default();
    let (response, _) = stream.request(&subscribe(&[]), Some(&one));
    assert_eq!(sent(response), expect(&["a", "b"], &[]));
    assert_eq!(
        sent(stream.changed(&snapshot("2", &[("a", "x")]))),
        expect(&[], &["b"])
    );
}

#[test]
fn who_leaves_hears_nothing_more() {
    let one = snapshot("1", &[("a", "x"), ("b", "x")]);
    let mut stream = DeltaStream::default();
    stream.request(&subscribe(&["a", "b"]), Some(&one));
    let leave = DeltaDiscoveryRequest {
        resource_names_unsubscribe: names(&["a"]),
        ..DeltaDiscoveryRequest::default()
    };
    let (response, _) = stream.request(&leave, Some(&one));
    assert_eq!(sent(response), None);
    let two = snapshot("2", &[("a", "y"), ("b", "y")]);
    assert_eq!(sent(stream.changed(&two)), expect(&["b"], &[]));
}

#[test]
fn answers_are_told_by_their_nonces() {
    let one = snapshot("1", &[("a", "x")]);
    let mut stream = DeltaStream::default();
    let (response, _) = stream.request(&subscribe(&["a"]), Some(&one));
    let nonce = response.expect("a response").nonce;
    let answer = DeltaDiscoveryRequest {
        response_nonce: nonce,
        error_detail: Some(Status {
            message: "bad".to_owned(),
            ..Status::default()
        }),
        ..DeltaDiscoveryRequest::default()
    };
    let (response, verdict) = stream.request(&answer, Some(&one));
    assert_eq!(
        (sent(response), verdict),
        (None, Some(Verdict::Refused("bad".to_owned())))
    );
    let (_, verdict) = stream.request(&answer, Some(&one));
    assert_eq!(verdict, None, "it has been answered");
}
