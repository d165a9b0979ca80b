//! Calls go where routes send them, and are changed as routes say.

use codec_dubbo::wire::{Answer, Kind, RequestBuilder, ResponseBuilder, Serialization, Value};
use meta_proxy::{
    Snapshot,
    meta_core::{MetadataMatcher, Route, Rule},
    meta_router::RouteEntry,
};
use serde_json::json;

use crate::{
    provider::{Greeter, Provider},
    scene::{Scene, Setup, table},
    wire::{GREETER, Wire, answer, error, hello, said, say},
};

const BOTH: [Serialization; 2] = [Serialization::Hessian2, Serialization::Fastjson2];

fn to(cluster: &str, matchers: Vec<(&str, Rule)>) -> RouteEntry {
    let matchers = matchers.into_iter();
    let matchers = matchers.map(|(name, rule)| MetadataMatcher::new(name, rule));
    RouteEntry::new(matchers.collect(), Route::to_cluster(cluster, cluster))
}

fn exact(text: &str) -> Rule {
    Rule::Exact(text.into())
}

/// Who answers `call`, in both serializations.
async fn who(client: &mut Wire, call: RequestBuilder) -> String {
    let call = call.argument("who");
    let mut answers = Vec::new();
    for form in BOTH {
        let answer = client.ask(call.clone().serialization(form).build()).await;
        assert_eq!(answer.serialization, form);
        let (name, _) = said(&answer).split_once(": ").expect("a name");
        answers.push(name.to_owned());
    }
    assert_eq!(answers[0], answers[1]);
    answers.remove(0)
}

#[tokio::test]
async fn by_what_a_call_says_of_itself() {
    let names = [
        "other",
        "method",
        "version",
        "group",
        "tag",
        "prefix",
        "regex",
        "both",
        "interface",
    ];
    let mut greeters = Vec::new();
    for name in names {
        greeters.push(Greeter::start(name).await);
    }
    let tag = |value: &str| ("tag", exact(value));
    let routes = vec![
        to("both", vec![tag("canary"), ("method", exact("special"))]),
        to("method", vec![("method", exact("special"))]),
        to("version", vec![("version", exact("2.0.0"))]),
        to("group", vec![("group", exact("blue"))]),
        to("tag", vec![tag("canary")]),
        to("prefix", vec![("user", Rule::Prefix("test-".into()))]),
        to(
            "regex",
            vec![("user", Rule::regex("[0-9]+").expect("it is one"))],
        ),
        to("interface", vec![("interface", exact("com.example.Other"))]),
        to("other", Vec::new()),
    ];
    let mut setup = Setup::over(greeters[0].cluster("other")).routes(routes);
    for (greeter, name) in greeters.iter().zip(names).skip(1) {
        setup = setup.and(greeter.cluster(name));
    }
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    let call = |method| RequestBuilder::new(GREETER, method);
    let cases = [
        ("other", hello(0)),
        (
            "other",
            hello(0).version("1.0.0").attachment("group", "red"),
        ),
        ("method", call("special")),
        ("both", call("special").attachment("tag", "canary")),
        ("version", hello(0).version("2.0.0")),
        ("group", hello(0).attachment("group", "blue")),
        ("tag", hello(0).attachment("tag", "canary")),
        ("other", hello(0).attachment("tag", "canaries")),
        ("other", hello(0).attachment("tag", 7)),
        ("prefix", hello(0).attachment("user", "test-7")),
        ("regex", hello(0).attachment("user", "4711")),
        ("other", hello(0).attachment("user", "4711x")),
        (
            "interface",
            RequestBuilder::new("com.example.Other", "sayHello"),
        ),
        // The last counts.
        (
            "tag",
            hello(0)
                .attachment("tag", "x")
                .duplicate_attachment("tag", "canary"),
        ),
        (
            "other",
            hello(0)
                .attachment("tag", "canary")
                .duplicate_attachment("tag", "x"),
        ),
        // What attachments say of method and interface is not what is called.
        ("other", hello(0).attachment("method", "special")),
        (
            "other",
            hello(0).attachment("interface", "com.example.Other"),
        ),
    ];
    // The second time they are known again.
    for _ in 0..3 {
        for (name, call) in &cases {
            assert_eq!(who(&mut client, call.clone()).await, *name, "{call:?}");
        }
    }
}

#[tokio::test]
async fn a_generic_call_goes_by_the_method_it_is_for() {
    let (rest, special) = (
        Greeter::start("rest").await,
        Greeter::start("special").await,
    );
    let routes = vec![
        to("special", vec![("method", exact("special"))]),
        to("rest", Vec::new()),
    ];
    let setup = Setup::over(rest.cluster("rest")).and(special.cluster("special"));
    let scene = setup.routes(routes).start().await;
    let mut client = scene.connect().await;
    for invoke in ["$invoke", "$invokeAsync"] {
        for method in ["special", "rest"] {
            let types = Value::List(vec!["java.lang.String".into()]);
            let call = RequestBuilder::new(GREETER, invoke)
                .argument(method)
                .argument(types.clone())
                .argument(types)
                .attachment("generic", "true");
            let answer = client.ask(call.build()).await;
            assert_eq!(said(&answer), format!("{method}: {method}"));
        }
    }
}

#[tokio::test]
async fn nowhere_is_an_answer_too() {
    let greeter = Greeter::start("v1").await;
    let routes = vec![
        to("gone", vec![("method", exact("gone"))]),
        to("backend", vec![("method", exact("sayHello"))]),
    ];
    let setup = Setup::to_greeters([&greeter]).routes(routes);
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    for form in BOTH {
        let call = |method| {
            RequestBuilder::new(GREETER, method)
                .id(5)
                .serialization(form)
        };
        let reply = client.ask(call("lost").build()).await;
        assert_eq!((reply.id, error(&reply).0), (5, 60));
        assert!(
            error(&reply).1.starts_with("no_matched_route: "),
            "{reply:?}"
        );
        let reply = client.ask(call("gone").build()).await;
        assert_eq!((reply.id, error(&reply).0), (5, 60));
        assert!(
            error(&reply).1.starts_with("unknown_cluster: "),
            "{reply:?}"
        );
        // An error can be read in hessian2 by whoever called.
        assert_eq!(reply.serialization, Serialization::Hessian2);
    }
    assert_eq!(client.say(6, "a").await, "v1: a");
}

#[tokio::test]
async fn new_routes_hold_for_the_next_call() {
    let (v1, v2) = (Greeter::start("v1").await, Greeter::start("v2").await);
    let setup = |cluster| {
        let setup = Setup::over(v1.cluster("one")).and(v2.cluster("two"));
        setup.routes(vec![to(cluster, Vec::new())])
    };
    let scene = setup("one").start().await;
    let mut client = scene.connect().await;
    for round in 0..4 {
        let (name, next) = [("v1: a", "two"), ("v2: a", "one")][round % 2];
        assert_eq!(client.say(1, "a").await, name);
        let Snapshot {
            listeners,
            clusters,
        } = setup(next).snapshot;
        assert_eq!(
            listeners[0].chains[0].routes.len(),
            table(vec![to(next, Vec::new())]).len()
        );
        let snapshot = Snapshot {
            listeners,
            clusters,
        };
        scene
            .running
            .handle()
            .apply(snapshot)
            .expect("routes alone differ");
    }
}

#[tokio::test]
async fn providers_see_what_routes_change() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).route(|route| {
        route.request_mutation.set("added", "Grüße");
        route.request_mutation.set("tag", "canary");
        route.request_mutation.remove("token");
        route.request_mutation.remove("not there");
    });
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    let mut upstream = None;
    for form in BOTH {
        let object = Value::object("com.example.Thing", [("a", 1.into())]);
        let plain = hello(3)
            .serialization(form)
            .argument("text")
            .argument(object)
            .argument(Value::Binary(vec![7; 5000]));
        let attached = plain
            .clone()
            .attachment("tag", "x")
            .attachment("token", "secret")
            .duplicate_attachment("token", "another")
            .attachment("number", 7);
        for call in [attached.clone().one_way(), attached, plain.clone()] {
            let sent = call.build();
            client.send(&sent).await;
            let upstream = match &mut upstream {
                Some(upstream) => upstream,
                none => none.insert(provider.accept().await),
            };
            let came = upstream.next().await;
            // Without attachments the two are the same to the last byte.
            let bare = call.clone().without_attachments().build();
            let end = bare.len() - if form == BOTH[0] { 2 } else { 6 };
            assert_eq!(came.0[16..end], bare[16..end]);
            let call = came.call();
            for (key, value) in [
                ("added", Some("Grüße")),
                ("tag", Some("canary")),
                ("token", None),
                ("path", Some(GREETER)),
                ("version", Some("0.0.0")),
            ] {
                assert_eq!(call.attachment(key), value, "{key}");
            }
            if call.two_way {
                upstream.send(answer(&came, "a")).await;
                assert_eq!(said(&client.next().await.answer()), "a");
            }
        }
    }
    assert_eq!(scene.upstream("rq_mutation_dropped"), 0);
    // What cannot be read cannot be changed.
    let raw = codec_dubbo::wire::message(0xc0, 0, 3, Serialization::Other(8), b"raw");
    client.send(&raw).await;
    let upstream = upstream.as_mut().expect("it was accepted");
    assert_eq!(upstream.next().await.with_id(3).0, raw);
    assert_eq!(scene.upstream("rq_mutation_dropped"), 1);
}

/// A proxy that adds an attachment to answers.
async fn adding(provider: &Provider) -> Scene {
    let setup = Setup::to(provider).route(|route| {
        route.response_mutation.set("from", "the proxy");
        route.response_mutation.remove("secret");
    });
    setup.start().await
}

/// What becomes of `answer` to a client of that version.
async fn changed(
    client: &mut Wire,
    upstream: &mut Wire,
    version: Option<&str>,
    answer: &ResponseBuilder,
) -> Answer {
    let call = hello(4).dubbo_version(version).argument("a");
    client.send(call.build()).await;
    let call = upstream.next().await;
    upstream.send(answer.clone().id(call.id()).build()).await;
    let answer = client.next().await;
    assert_eq!(answer.id(), 4);
    answer.answer()
}

#[tokio::test]
async fn clients_see_what_routes_change() {
    use Kind::{ExceptionWithAttachments, NullWithAttachments, ValueWithAttachments};

    let provider = Provider::bind().await;
    let scene = adding(&provider).await;
    let mut client = scene.connect().await;
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    let exception = Value::object("com.example.No", [("detailMessage", "no".into())]);
    let cases = [
        (ResponseBuilder::value("text"), ValueWithAttachments),
        (ResponseBuilder::value(7), ValueWithAttachments),
        (ResponseBuilder::null(), NullWithAttachments),
        (
            ResponseBuilder::exception(exception),
            ExceptionWithAttachments,
        ),
    ];
    for (plain, kind) in cases {
        for form in BOTH {
            let plain = plain.clone().serialization(form);
            let attached = plain
                .clone()
                .attachment("secret", "x")
                .attachment("own", "y");
            let version = Some("2.0.2");
            let answer = changed(&mut client, &mut upstream, version, &plain).await;
            assert_eq!(answer.kind, Some(kind));
            assert_eq!(answer.attachments(), [("from".into(), "the proxy".into())]);
            // Where the client gets attachments, it reads them.
            for version in [version, Some("2.0.1")] {
                let answer = changed(&mut client, &mut upstream, version, &attached).await;
                assert_eq!(answer.kind, Some(kind));
                let all = ["own", "from", "secret"].map(|key| answer.attachment(key));
                assert_eq!(all, [Some("y"), Some("the proxy"), None]);
            }
        }
    }
    assert_eq!(scene.count("mutation_dropped"), 0);
}

#[tokio::test]
async fn attachments_go_to_those_who_read_them_alone() {
    let provider = Provider::bind().await;
    let scene = adding(&provider).await;
    let mut client = scene.connect().await;
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    let plain = ResponseBuilder::value("text");
    for version in ["2.0.2", "2.0.9", "2.0.10", "2.0.99"] {
        let answer = changed(&mut client, &mut upstream, Some(version), &plain).await;
        assert_eq!(answer.kind, Some(Kind::ValueWithAttachments), "{version}");
    }
    assert_eq!(scene.count("mutation_dropped"), 0);
    let others = [
        None,
        Some(""),
        Some("2.0.0"),
        Some("2.0.1"),
        Some("2.0.100"),
        Some("2.6.2"),
        Some("3.0.0"),
        Some("nonsense"),
    ];
    for version in others {
        let answer = changed(&mut client, &mut upstream, version, &plain).await;
        assert_eq!(answer.kind, Some(Kind::Value), "{version:?}");
        assert!(answer.attachments().is_empty());
    }
    assert_eq!(scene.count("mutation_dropped"), others.len() as u64);
    // An error has none.
    let failed = ResponseBuilder::error(70, "no");
    let answer = changed(&mut client, &mut upstream, Some("2.0.2"), &failed).await;
    assert_eq!(error(&answer), (70, "no"));
    assert_eq!(scene.count("mutation_dropped"), others.len() as u64 + 1);
}

#[tokio::test]
async fn an_answer_that_a_mutation_makes_too_long_fails_its_call_alone() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider)
        .route(|route| route.response_mutation.set("from", "the proxy"))
        .codec(json!({ "max_payload_bytes": 1000 }));
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    let long = ResponseBuilder::value("x".repeat(990));
    let answer = changed(&mut client, &mut upstream, Some("2.0.2"), &long).await;
    assert_ne!(answer.status, 20);
    let short = ResponseBuilder::value("short");
    let answer = changed(&mut client, &mut upstream, Some("2.0.2"), &short).await;
    assert_eq!(
        (said(&answer), answer.attachment("from")),
        ("short", Some("the proxy"))
    );
}

#[tokio::test]
async fn what_go_providers_leave_behind_an_answer_is_no_hindrance() {
    let provider = Provider::bind().await;
    let scene = adding(&provider).await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let whole = ResponseBuilder::value("text")
        .attachment("own", "y")
        .build();
    let body = [&whole[16..], b"N"].concat();
    let form = Serialization::Hessian2;
    upstream
        .send(codec_dubbo::wire::message(0, 20, call.id(), form, &body))
        .await;
    let came = client.next().await;
    assert_eq!(came.0.last(), Some(&b'N'));
    let answer = came.answer();
    assert_eq!(said(&answer), "text");
    let both = ["own", "from"].map(|key| answer.attachment(key));
    assert_eq!(both, [Some("y"), Some("the proxy")]);
}

/// What a connection says of its client no attachment can claim.
#[tokio::test]
async fn not_by_what_a_call_says_of_its_connection() {
    let (trusted, local, other) = (
        Greeter::start("trusted").await,
        Greeter::start("local").await,
        Greeter::start("other").await,
    );
    let identity = "connection.uri_san_peer_certificate";
    let trusted_caller = vec![(identity, Rule::Prefix("spiffe://".into()))];
    let local_caller = vec![
        ("source.address", Rule::Prefix("127.0.0.1:".into())),
        ("connection.mtls", exact("false")),
        ("tag", exact("canary")),
    ];
    let routes = vec![
        to("trusted", trusted_caller),
        to("trusted", vec![("connection.mtls", exact("true"))]),
        to("local", local_caller),
        to("other", Vec::new()),
    ];
    let setup = Setup::over(other.cluster("other")).routes(routes);
    let setup = setup
        .and(trusted.cluster("trusted"))
        .and(local.cluster("local"));
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    for claim in [identity, "Connection.URI_SAN_peer_certificate"] {
        let call = hello(0).attachment(claim, "spiffe://mesh/sa/admin");
        assert_eq!(who(&mut client, call).await, "other");
    }
    let call = hello(0).attachment("connection.mtls", "true");
    assert_eq!(who(&mut client, call.clone()).await, "other");
    let call = call.attachment("source.address", "10.0.0.1:1");
    assert_eq!(
        who(&mut client, call.attachment("tag", "canary")).await,
        "local"
    );
}
