//! Control planes that say what they should not.

use std::time::Duration;

use envoy_types::pb::{
    envoy::config::route::v3::{Route, RouteConfiguration, RouteMatch, VirtualHost},
    envoy::service::discovery::v3::DiscoveryResponse,
};
use meta_rds::RdsState;
use prost::Message;
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    scripted::{Scripted, any, response, with},
    support::{manager, next, settings, source, to, until},
};

fn table(hosts: usize, routes: Vec<Route>) -> Vec<u8> {
    let host = VirtualHost {
        name: "dummy".to_owned(),
        domains: vec!["*".to_owned()],
        routes,
        ..VirtualHost::default()
    };
    let raw = RouteConfiguration {
        name: "a".to_owned(),
        virtual_hosts: vec![host; hosts],
        ..RouteConfiguration::default()
    };
    raw.encode_to_vec()
}

#[tokio::test]
async fn routes_stay_whatever_comes() {
    let mut server = Scripted::start().await;
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(server.address, false)));
    let mut talk = server.stream().await;
    let first = talk.request().await;
    assert_eq!(first.resource_names, ["a"]);
    assert_eq!(first.node.expect("who asks").id, "test-node");
    let ack = talk.say(response("1", &to("a", "x"))).await;
    assert_eq!((&*ack.version_info, ack.error_detail), ("1", None));
    assert_eq!(next(&mut watch).await, "x");

    let no_action = Route {
        r#match: Some(RouteMatch::default()),
        ..Route::default()
    };
    for (name, resource, reason) in [
        ("2", any(&table(0, vec![])), "expected one virtual host"),
        ("3", any(&table(2, vec![])), "expected one virtual host"),
        ("4", any(&table(1, vec![no_action])), "there is no action"),
        ("5", any(&[0xff, 0x01]), "cannot be decoded"),
    ] {
        let nack = talk.say(with(name, vec![resource])).await;
        assert_eq!(nack.version_info, "1");
        let error = nack.error_detail.expect("it is refused");
        assert_eq!(error.code, 13);
        assert!(error.message.contains(reason), "{}", error.message);
    }
    assert_eq!(watch.status().state, RdsState::Refused);
    let refused = watch.status().refused.expect("what was refused");
    assert_eq!(refused.version, "5");
    assert!(refused.reason.contains("cannot be decoded"), "{refused:?}");
    assert_eq!(watch.status().version, "1");

    // No change, and no refusal: nothing, another name, the same again.
    for text in [
        "{ resources: [] }".to_owned(),
        to("b", "other"),
        to("a", "x"),
    ] {
        let mut again = response("6", &text);
        again.nonce = format!("n{}", text.len());
        let ack = talk.say(again).await;
        assert_eq!(ack.error_detail, None, "{text}");
    }
    // Of a type that nobody asked for.
    let stranger = DiscoveryResponse {
        type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".to_owned(),
        nonce: "stranger".to_owned(),
        ..DiscoveryResponse::default()
    };
    let nack = talk.say(stranger.clone()).await;
    assert_eq!(nack.type_url, stranger.type_url);
    assert!(nack.error_detail.is_some());

    assert_eq!(watch.stats().config_reload, 1);
    assert_eq!(watch.stats().update_rejected, 4);
    assert_eq!(watch.stats().update_empty, 1);
    talk.say(response("7", &to("a", "y"))).await;
    assert_eq!(next(&mut watch).await, "y");
    assert_eq!(watch.status().refused, None);
}

#[tokio::test]
async fn a_refused_version_that_comes_for_ever_costs_little() {
    let mut server = Scripted::start().await;
    let manager = manager();
    let watch = manager.watch(&settings("a", source(server.address, false)));
    let mut talk = server.stream().await;
    talk.request().await;
    let bad = with("1", vec![any(&table(0, vec![]))]);
    let flood = async {
        let mut count = 0;
        loop {
            talk.say(bad.clone()).await;
            count += 1;
            if count == 1000 {
                return;
            }
        }
    };
    let flooded = tokio::time::timeout(Duration::from_secs(2), flood).await;
    assert!(flooded.is_err(), "a thousand refusals within two seconds");
    assert!(watch.stats().update_rejected < 20);
    let good = response("2", &to("a", "x"));
    talk.send(good).await;
    let mut watch = watch;
    assert_eq!(next(&mut watch).await, "x");
}

#[tokio::test]
async fn a_response_that_is_too_large_ends_the_stream_and_no_more() {
    let mut server = Scripted::start().await;
    let manager = manager();
    let mut source = source(server.address, false);
    if let meta_rds::ConfigSource::Grpc(source) = &mut source {
        source.max_message_bytes = 10_000;
    }
    let mut watch = manager.watch(&settings("a", source));
    let mut talk = server.stream().await;
    talk.request().await;
    talk.send(response("1", &to("a", &"x".repeat(20_000))))
        .await;
    let mut talk = server.stream().await;
    talk.request().await;
    talk.say(response("2", &to("a", "x"))).await;
    assert_eq!(next(&mut watch).await, "x");
    assert!(watch.stats().update_failure >= 1);
}

/// A port where something else listens, or nobody who ever says anything.
#[tokio::test]
async fn what_says_nothing_is_no_control_plane() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let manager = manager();
    let _watch = manager.watch(&settings("a", source(address, false)));
    for _ in 0..3 {
        let (mut stream, _) = listener.accept().await.expect("it connects");
        let mut preface = [0; 24];
        let read = stream.read_exact(&mut preface).await;
        read.expect("it speaks first");
        assert!(preface.starts_with(b"PRI * HTTP/2.0"));
        assert!(!manager.control_planes()[0].connected);
    }
    until("it is told", || {
        let error = manager.control_planes()[0].last_error.clone();
        error.is_some_and(|error| error.contains("the server refuses the connection"))
    })
    .await;
    assert_eq!(manager.control_planes()[0].streams, 0);
}
