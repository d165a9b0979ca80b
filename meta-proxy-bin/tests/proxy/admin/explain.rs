//! `/explain`.

use meta_proxy::{
    ListenerConfig, Proxy, Snapshot, Workers,
    meta_core::{MetadataMatcher, Route, Rule},
    meta_router::{ClusterConfig, RouteEntry, RouteTable},
};
use serde_json::Value;

use crate::{
    http::get_async,
    toy::{loopback, registry},
};

/// Two listeners whose calls of `hello` go to `cluster`.
fn snapshot(cluster: &str) -> Snapshot {
    let hello = MetadataMatcher::new("operation", Rule::Exact("hello".into()));
    let entry = RouteEntry::new(vec![hello], Route::to_cluster("greet", cluster));
    let routes = RouteTable::new("routes", vec![entry]).expect("a good table");
    let routes = std::sync::Arc::new(routes);
    let listener = |name: &str| ListenerConfig::new(name, "toy", routes.clone());
    Snapshot {
        listeners: vec![listener("a"), listener("b")],
        clusters: ["v1", "v2"]
            .map(|name| ClusterConfig::new(name, Vec::new()))
            .into(),
    }
}

#[tokio::test]
async fn by_the_routes_in_force() {
    let builder = Proxy::builder(registry())
        .snapshot(snapshot("v1"))
        .listener("a", loopback())
        .listener("b", loopback())
        .workers(Workers::own(1))
        .admin(loopback());
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let page = "/explain?listener=b&attr.operation=hello&one_way";
    let text = get_async(admin, page).await;
    assert_eq!(text.status, 200);
    let expected = "\
listener b, filter chain 0: 1 route

route 0 \"greet\" matches
  yes  operation is \"hello\": found \"hello\"

cluster v1
timeout 15s, the default; the client's own shortens it
";
    assert_eq!(text.body, expected);

    running
        .handle()
        .apply(snapshot("v2"))
        .expect("other routes");
    let json = get_async(admin, &format!("{page}&format=json")).await.body;
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["matched"]["clusters"][0]["name"], "v2");

    let none = get_async(admin, "/explain?listener=a&header.operation=bye").await;
    assert_eq!(none.status, 200);
    assert!(none.body.contains("no route matches"), "{}", none.body);
    for (query, expected) in [
        ("", "listener: expected one of a, b\n"),
        ("?listener=c", "listener: expected one of a, b\n"),
        (
            "?listener=a&chain=x",
            "chain: there is no filter chain \"x\", but 0\n",
        ),
        (
            "?listener=a&attr.connection.mtls=x",
            "attr.connection.mtls: expected true or false, found \"x\"\n",
        ),
        (
            "?listener=a&attr.=x",
            "there is no query \"attr.\"; see /help\n",
        ),
    ] {
        let answer = get_async(admin, &format!("/explain{query}")).await;
        assert_eq!((answer.status, &*answer.body), (400, expected), "{query}");
    }
}
