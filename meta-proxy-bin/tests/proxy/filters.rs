//! Filters stand where they are listed.

use std::sync::Arc;

use meta_codec_test::toy::Frame;
use meta_proxy::{
    ExtensionConfig,
    meta_core::{
        ConfigError, Extension, Filter, FilterFactory, Flow, LocalReply, ReplyKind, Request,
        filter_factory,
        stats::{Cell, Counter},
    },
};
use serde_json::json;

use crate::toy::{Client, Server, eventually, proxy, registry, snapshot};

/// Sets the header `last` to its own name, and notes in an extension who came
/// before it.
struct Stamp {
    name: String,
    stamped: Counter,
}

#[derive(Default)]
struct Passed(String);

impl Filter for Stamp {
    type State = ();

    fn on_request(&self, (): &mut (), request: &mut Request) -> Flow {
        match request.metadata().get("method") {
            Some("panic") => panic!("a filter at fault, as the test wants it"),
            Some(method) if method == self.name => {
                return Flow::Reply(LocalReply::new(ReplyKind::Denied, self.name.clone()));
            }
            _ => {}
        }
        let mut passed = request.extensions.remove::<Passed>().unwrap_or_default();
        passed.0.push_str(&self.name);
        self.stamped.inc();
        request.mutation.set("passed", passed.0.as_str());
        request.extensions.insert(passed);
        Flow::Continue
    }

    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        visit("stamp.stamped", Cell::Counter(&self.stamped));
    }
}

struct StampExtension;

impl Extension<dyn FilterFactory> for StampExtension {
    const TYPE_URL: &'static str = "example/Stamp";
    const NAMES: &'static [&'static str] = &["example.filters.stamp"];
    type Config = String;

    fn configure(&self, name: String) -> Result<Arc<dyn FilterFactory>, ConfigError> {
        match name.is_empty() {
            true => Err(ConfigError::new("", "a stamp needs a name")),
            false => Ok(filter_factory(Stamp {
                name,
                stamped: Counter::default(),
            })),
        }
    }
}

fn stamp(name: &str) -> ExtensionConfig {
    ExtensionConfig::new("stamp", json!(name))
}

#[tokio::test]
async fn the_first_is_outermost() {
    let server = Server::start("v1").await;
    let mut registry = registry();
    registry.filter(StampExtension).expect("the name is free");
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].filters = vec![stamp("a"), stamp("b"), stamp("c")];
    let builder = meta_proxy::Proxy::builder(registry)
        .snapshot(snapshot)
        .listener("in", crate::toy::loopback());
    let running = builder.start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    client
        .send(&Frame::request(1, "").header("method", "any"))
        .await;
    let response = client.response().await.expect("an answer");
    assert_eq!(response.get("passed"), Some("abc"));
    client
        .send(&Frame::request(2, "").header("method", "b"))
        .await;
    let response = client.response().await.expect("an answer");
    assert_eq!(response.get("reason"), Some("denied"));

    // Of the second request, the last filter saw nothing, and `b` refused it.
    let stats = running.handle().stats();
    assert_eq!(stats.counter("meta_protocol.in.stamp.stamped"), 3 + 1);

    // A filter at fault costs its own connection and no other.
    let mut victim = Client::connect(&running).await;
    victim
        .send(&Frame::request(3, "").header("method", "panic"))
        .await;
    assert_eq!(victim.response().await, None);
    assert_eq!(client.call("any").await, "v1");
    eventually("balance", || {
        let stats = running.handle().stats();
        let gauges = [
            "meta_protocol.in.downstream_cx_active",
            "server.total_connections",
        ];
        gauges.iter().all(|name| stats.gauge(name) == 1)
    })
    .await;
}

#[tokio::test]
async fn many_clients_pass_a_filter_at_a_time() {
    const CLIENTS: usize = 500;
    let server = Server::start("v1").await;
    let mut registry = registry();
    registry.filter(StampExtension).expect("the name is free");
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].filters = vec![stamp("a")];
    let builder = meta_proxy::Proxy::builder(registry)
        .snapshot(snapshot)
        .listener("in", crate::toy::loopback());
    let running = builder.start().await.expect("it starts");
    server.hold(true);
    let mut clients = Vec::new();
    for id in 0..CLIENTS {
        let mut client = Client::connect(&running).await;
        client.send(&Frame::request(id as u64, "")).await;
        clients.push(client);
    }
    let stats = || running.handle().stats();
    eventually("all at a time", || {
        stats().gauge("meta_protocol.in.request_active") == CLIENTS as i64
    })
    .await;
    server.hold(false);
    for (id, client) in clients.iter_mut().enumerate() {
        let response = client.response().await.expect("an answer");
        assert_eq!(
            (response.id, response.get("passed")),
            (id as u64, Some("a"))
        );
    }
    // Counted just after the answer has left.
    eventually("all are counted", || {
        stats().counter("meta_protocol.in.response_success") == CLIENTS as u64
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_refuses_its_configuration_ends_the_start() {
    let server = Server::start("v1").await;
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].filters = vec![stamp("a")];
    let unknown = proxy(&server).snapshot(snapshot).start().await;
    let error = unknown.expect_err("it is not registered");
    assert_eq!(error.to_string(), "listener \"in\"");
    let source = std::error::Error::source(&error).expect("a cause");
    assert_eq!(source.to_string(), "unknown filter \"stamp\"; known: ");
}
