//! Providers act on what attachments say: it cannot slip past routing.

use codec_dubbo::wire::{RequestBuilder, Serialization, Value, message};
use meta_proxy::{
    meta_core::{MetadataMatcher, Route, Rule},
    meta_router::RouteEntry,
};
use serde_json::json;

use crate::{
    provider::Provider,
    scene::{Scene, Setup},
    wire::{GREETER, answer, error, hello, said, say},
};

const SECRET: &str = "com.example.Secret";

/// Calls of the greeter go to `backend`, of the secret to `secret`; others
/// nowhere.
async fn scene(backend: &Provider, secret: &Provider, on_mismatch: &str) -> Scene {
    let to = |interface: &str, cluster: &str| {
        let rule = Rule::Exact(interface.into());
        let interface = MetadataMatcher::new("interface", rule);
        RouteEntry::new(vec![interface], Route::to_cluster(cluster, cluster))
    };
    Setup::to(backend)
        .and(secret.cluster("secret"))
        .routes(vec![to(GREETER, "backend"), to(SECRET, "secret")])
        .codec(json!({ "on_mismatch": on_mismatch }))
        .start()
        .await
}

fn disguised() -> RequestBuilder {
    hello(1).argument("a").attachment("path", SECRET)
}

#[tokio::test]
async fn a_call_whose_attachments_differ_is_refused() {
    let (backend, secret) = (Provider::bind().await, Provider::bind().await);
    let scene = scene(&backend, &secret, "refuse").await;
    let mut client = scene.connect().await;
    let cases = [
        (disguised(), "path \"com.example.Secret\" is not"),
        (
            hello(1).body_path(SECRET),
            "path \"com.example.Greeter\" is not",
        ),
        (hello(1).attachment("path", ""), "path \"\" is not"),
        (
            hello(1).attachment("version", "2.0.0"),
            "version \"2.0.0\" is not",
        ),
        (
            hello(1).version("1.0").body_version(Some("2.0")),
            "version \"1.0\" is not",
        ),
        (
            hello(1).version("1.0").body_version(None),
            "version \"1.0\" is not",
        ),
        (
            hello(1).attachment("path", Value::Null),
            "path is not a string",
        ),
        (hello(1).attachment("path", 7), "path is not a string"),
        (
            hello(1).attachment("version", true),
            "version is not a string",
        ),
        (hello(1).attachment("group", 7), "group is not a string"),
        (
            hello(1).duplicate_attachment("path", SECRET),
            "path \"com.example.Secret\" is not",
        ),
    ];
    for (case, text) in cases {
        for form in [Serialization::Hessian2, Serialization::Fastjson2] {
            let reply = client.ask(case.clone().serialization(form).build()).await;
            assert_eq!((reply.id, error(&reply).0), (1, 40), "{case:?}");
            assert!(error(&reply).1.starts_with("bad_request: "), "{reply:?}");
            assert!(error(&reply).1.contains(text), "{reply:?}");
        }
    }
    assert_eq!(scene.upstream("rq_total"), 0);
    // Neither is one known again that came before.
    client.send(say(2, "a")).await;
    let mut upstream = backend.accept().await;
    for id in 3..10 {
        let call = upstream.next().await;
        assert_eq!(call.text(), "a");
        upstream.send(answer(&call, "b")).await;
        assert_eq!(said(&client.next().await.answer()), "b");
        let reply = client.ask(disguised().build()).await;
        assert_eq!(error(&reply).0, 40);
        client.send(say(id, "a")).await;
    }
    assert_eq!(scene.stats().counter("cluster.secret.upstream_rq_total"), 0);
}

#[tokio::test]
async fn refused_calls_are_counted_apart() {
    let (backend, secret) = (Provider::bind().await, Provider::bind().await);
    let scene = scene(&backend, &secret, "refuse").await;
    let mut client = scene.connect().await;
    for _ in 0..3 {
        let reply = client.ask(disguised().build()).await;
        assert_eq!(error(&reply).0, 40);
    }
    assert_eq!(scene.count("request_refused"), 3);
    assert_eq!(scene.count("request_decoding_error"), 0);
    assert_eq!(scene.count("local_response_error"), 3);
}

#[tokio::test]
async fn what_means_the_same_is_no_difference() {
    let (backend, secret) = (Provider::bind().await, Provider::bind().await);
    let scene = scene(&backend, &secret, "refuse").await;
    let mut client = scene.connect().await;
    let cases = [
        hello(0),
        hello(0).without_attachments(),
        hello(0).attachment("version", "").body_version(None),
        hello(0)
            .attachment("version", "0.0.0")
            .body_version(Some("")),
        hello(0).attachment("version", Value::Null),
        hello(0).attachment("group", Value::Null),
        // The last of duplicates counts.
        hello(0)
            .attachment("path", SECRET)
            .duplicate_attachment("path", GREETER),
    ];
    let mut upstream = None;
    for case in cases {
        let bytes = case.build();
        client.send(&bytes).await;
        let upstream = match &mut upstream {
            Some(upstream) => upstream,
            none => none.insert(backend.accept().await),
        };
        let call = upstream.next().await;
        assert_eq!(call.with_id(0).0, bytes);
        upstream.send(answer(&call, "a")).await;
        assert_eq!(said(&client.next().await.answer()), "a");
    }
}

#[tokio::test]
async fn a_call_may_be_routed_by_its_attachments() {
    let (backend, secret) = (Provider::bind().await, Provider::bind().await);
    let scene = scene(&backend, &secret, "attachments").await;
    let mut client = scene.connect().await;
    let (mut greets, mut keeps) = (None, None);
    for round in 0..3 {
        let kept = [
            disguised(),
            hello(1).duplicate_attachment("path", SECRET),
            RequestBuilder::new(SECRET, "look").id(1),
        ];
        for form in [Serialization::Hessian2, Serialization::Fastjson2] {
            for call in &kept {
                client.send(call.clone().serialization(form).build()).await;
                let upstream = match &mut keeps {
                    Some(upstream) => upstream,
                    none => none.insert(secret.accept().await),
                };
                let call = upstream.next().await;
                assert_eq!(call.call().attachment("path"), Some(SECRET));
                upstream.send(answer(&call, "kept")).await;
                assert_eq!(said(&client.next().await.answer()), "kept", "{round}");
            }
            let greeted = hello(2).body_path(SECRET).serialization(form);
            client.send(greeted.build()).await;
            let upstream = match &mut greets {
                Some(upstream) => upstream,
                none => none.insert(backend.accept().await),
            };
            let call = upstream.next().await;
            upstream.send(answer(&call, "greeted")).await;
            assert_eq!(said(&client.next().await.answer()), "greeted", "{round}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_routed_by_its_path() {
    let (backend, secret) = (Provider::bind().await, Provider::bind().await);
    let scene = scene(&backend, &secret, "refuse").await;
    let mut client = scene.connect().await;
    let whole = hello(1).argument("a").build();
    let body = &whole[16..];
    let unknown = Serialization::Other(8);
    let hessian = Serialization::Hessian2;
    let mut bad_tag = whole.clone();
    *bad_tag.last_mut().expect("it is not empty") = 0x40;
    let cases = [
        // Without its end, or its attachments.
        message(0xc0, 0, 1, hessian, &body[..body.len() - 1]),
        message(0xc0, 0, 1, hessian, &body[..60]),
        bad_tag,
        hello(1).argument("a").descriptor("II").build(),
        hello(1).argument("a").descriptor("no descriptor").build(),
        // As if it were something else.
        message(0xc0, 0, 1, unknown, body),
        message(0xc0, 0, 1, Serialization::Fastjson2, body),
    ];
    for case in cases {
        let reply = client.ask(&case).await;
        assert_eq!((reply.id, error(&reply).0), (1, 60), "{case:02x?}");
        assert!(
            error(&reply).1.starts_with("no_matched_route: "),
            "{reply:?}"
        );
    }
    assert_eq!(scene.upstream("rq_total"), 0);
}
