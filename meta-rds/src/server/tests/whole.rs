//! State of the world.

use super::*;

fn ask(nonce: &str, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        response_nonce: nonce.to_owned(),
        resource_names: names.iter().map(|&name| name.to_owned()).collect(),
        ..DiscoveryRequest::default()
    }
}

fn refuse(nonce: &str, names: &[&str]) -> DiscoveryRequest {
    let error = Status {
        message: "bad".to_owned(),
        ..Status::default()
    };
    DiscoveryRequest {
        error_detail: Some(error),
        ..ask(nonce, names)
    }
}

/// The version, the nonce and the names of what is sent.
fn sent(
    response: Option<envoy_types::pb::envoy::service::discovery::v3::DiscoveryResponse>,
) -> Option<(String, String, Vec<String>)> {
    let response = response?;
    let names = response.resources.into_iter();
    let names = names.map(|any| name_of(&any.value.into())).collect();
    Some((response.version_info, response.nonce, names))
}

fn expect(version: &str, nonce: &str, names: &[&str]) -> Option<(String, String, Vec<String>)> {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Some((version.to_owned(), nonce.to_owned(), names))
}

#[test]
fn what_is_asked_for_is_sent_and_no_more() {
    let one = snapshot("1", &[("a", "x"), ("b", "x")]);
    let mut stream = WholeStream::default();
    let (response, verdict) = stream.request(&ask("", &["a", "c"]), Some(&one));
    assert_eq!((sent(response), verdict), (expect("1", "1", &["a"]), None));
    let (response, verdict) = stream.request(&ask("1", &["a", "c"]), Some(&one));
    assert_eq!(sent(response), None);
    assert_eq!(verdict, Some(Verdict::Accepted("1".to_owned())));
    // Nothing that this stream would notice.
    let two = snapshot("2", &[("a", "x"), ("b", "y")]);
    assert_eq!(sent(stream.changed(&two)), None);
    let three = snapshot("3", &[("a", "y")]);
    assert_eq!(sent(stream.changed(&three)), expect("3", "2", &["a"]));
}

#[test]
fn an_unknown_name_is_answered_with_nothing() {
    let one = snapshot("1", &[("a", "x")]);
    let (response, _) = WholeStream::default().request(&ask("", &["c"]), Some(&one));
    assert_eq!(sent(response), expect("1", "1", &[]));
}

#[test]
fn no_names_are_all_until_there_were_some() {
    let one = snapshot("1", &[("a", "x"), ("b", "x")]);
    let mut stream = WholeStream::default();
    let (response, _) = stream.request(&ask("", &[]), Some(&one));
    assert_eq!(sent(response), expect("1", "1", &["a", "b"]));
    stream.request(&ask("1", &["a"]), Some(&one));
    let (response, _) = stream.request(&ask("1", &[]), Some(&one));
    assert_eq!(sent(response), None);
    let two = snapshot("2", &[("a", "y")]);
    assert_eq!(sent(stream.changed(&two)), expect("2", "2", &[]));
}

#[test]
fn a_refusal_brings_nothing_before_there_is_something_new() {
    let one = snapshot("1", &[("a", "x")]);
    let mut stream = WholeStream::default();
    stream.request(&ask("", &["a"]), Some(&one));
    let (response, verdict) = stream.request(&refuse("1", &["a"]), Some(&one));
    assert_eq!(sent(response), None);
    assert_eq!(verdict, Some(Verdict::Refused("bad".to_owned())));
    let two = snapshot("2", &[("a", "y")]);
    assert_eq!(sent(stream.changed(&two)), expect("2", "2", &["a"]));
}

#[test]
fn new_names_bring_everything_asked_for() {
    let one = snapshot("1", &[("a", "x"), ("b", "x")]);
    let mut stream = WholeStream::default();
    stream.request(&ask("", &["a"]), Some(&one));
    let (response, _) = stream.request(&ask("1", &["a", "b"]), Some(&one));
    assert_eq!(sent(response), expect("1", "2", &["a", "b"]));
    // Fewer names need nothing.
    let (response, _) = stream.request(&ask("2", &["b"]), Some(&one));
    assert_eq!(sent(response), None);
}

#[test]
fn stale_nonces_are_ignored_and_none_asks_again() {
    let one = snapshot("1", &[("a", "x")]);
    let mut stream = WholeStream::default();
    stream.request(&ask("", &["a"]), Some(&one));
    let two = snapshot("2", &[("a", "y")]);
    assert!(stream.changed(&two).is_some());
    let (response, verdict) = stream.request(&ask("1", &["a", "b"]), Some(&two));
    assert_eq!((sent(response), verdict), (None, None));
    let (response, _) = stream.request(&ask("", &["a"]), Some(&two));
    assert_eq!(sent(response), expect("2", "3", &["a"]));
}

#[test]
fn who_asks_before_there_is_anything_waits() {
    let mut stream = WholeStream::default();
    let one = snapshot("1", &[("a", "x")]);
    assert_eq!(sent(stream.changed(&one)), None, "nobody has asked");
    let (response, _) = stream.request(&ask("", &["a"]), None);
    assert_eq!(sent(response), None);
    assert_eq!(sent(stream.changed(&one)), expect("1", "1", &["a"]));
}
