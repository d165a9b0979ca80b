//! The filter before a service that the tests play.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use filter_fair_share::{FairShare, FairShareConfig};
use meta_core::{
    BoxService, ConnectionInfo, Extension, FilterFactory, LocalReply, Message, Metadata, ReplyKind,
    Request, Response, Session, WorkerId, stats::Cell,
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Duration};
use tower::{Layer, Service, ServiceExt};
use tower_test::mock::{self, SendResponse};

fn factory(config: Value) -> Arc<dyn FilterFactory> {
    let config: FairShareConfig = serde_json::from_value(config).expect("a configuration");
    FairShare.configure(config).expect("a good one")
}

fn shares() -> Arc<dyn FilterFactory> {
    factory(json!({
        "class_header": "x-class",
        "tenants": {
            "gold": { "in_flight": 1, "wait_ms": 50, "class": "high" },
            "thief": { "in_flight": 0 },
        },
        "others": { "in_flight": 1 },
    }))
}

/// The filter of one worker, and the service behind it.
fn stack(factory: &dyn FilterFactory) -> (BoxService, mock::Handle<Request, Response>) {
    let (service, handle) = mock::pair();
    let service = BoxService::new(service.map_err(LocalReply::from_boxed));
    (factory.layer(WorkerId(0)).layer(service), handle)
}

fn request(tenant: &str) -> Request {
    let mut metadata = Metadata::default();
    metadata.attributes.insert("tenant", tenant.to_owned());
    let session = Session::new(ConnectionInfo::default());
    Request::new(
        Message::new(metadata, Bytes::new()),
        session,
        Instant::now(),
    )
}

type Call = JoinHandle<Result<Response, LocalReply>>;

async fn call(service: &mut BoxService, tenant: &str) -> Call {
    let ready = service.ready().await.expect("the mock is ready");
    let call = tokio::spawn(ready.call(request(tenant)));
    // It goes as far as it gets.
    tokio::task::yield_now().await;
    call
}

async fn refused(call: Call) -> ReplyKind {
    let result = call.await.expect("no panic");
    result.expect_err("refused").kind()
}

async fn passed(handle: &mut mock::Handle<Request, Response>) -> (Request, SendResponse<Response>) {
    handle.next_request().await.expect("it is passed on")
}

/// `passed`, `waited`, `refused`, `active`.
fn stats(factory: &dyn FilterFactory) -> [i64; 4] {
    let mut values = Vec::new();
    factory.visit_stats(&mut |name, cell| {
        assert!(name.starts_with("fair_share."), "{name}");
        values.push(match cell {
            Cell::Counter(counter) => counter.value() as i64,
            Cell::Gauge(gauge) => gauge.value(),
            _ => panic!("{name} is neither counter nor gauge"),
        });
    });
    values.try_into().expect("four of them")
}

#[tokio::test]
async fn a_request_within_the_share_passes_with_its_class() {
    let factory = shares();
    let (mut service, mut handle) = stack(&*factory);
    handle.allow(2);
    let gold = call(&mut service, "gold").await;
    let (request, send) = passed(&mut handle).await;
    assert_eq!(request.mutation.last("x-class"), Some(Some("high")));
    assert_eq!(stats(&*factory), [1, 0, 0, 1]);
    send.send_response(Response::default());
    gold.await.expect("no panic").expect("answered");
    assert_eq!(stats(&*factory), [1, 0, 0, 0]);

    // What a client says of its class is not passed on.
    let _other = call(&mut service, "nobody").await;
    let (request, _send) = passed(&mut handle).await;
    assert_eq!(request.mutation.last("x-class"), Some(None));
}

#[tokio::test]
async fn a_tenant_without_a_share_is_denied() {
    let factory = shares();
    let (mut service, mut handle) = stack(&*factory);
    handle.allow(1);
    let thief = call(&mut service, "thief").await;
    assert_eq!(refused(thief).await, ReplyKind::Denied);
    assert_eq!(stats(&*factory), [0, 0, 1, 0]);
}

#[tokio::test]
async fn shares_are_of_all_workers_and_refuse_what_may_not_wait() {
    let factory = shares();
    let (mut one, mut handle) = stack(&*factory);
    let (mut other, mut other_handle) = stack(&*factory);
    handle.allow(1);
    other_handle.allow(1);
    let _first = call(&mut one, "a").await;
    let (_request, _send) = passed(&mut handle).await;
    let second = call(&mut other, "b").await;
    assert_eq!(refused(second).await, ReplyKind::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_share_waits_for_a_place() {
    let factory = shares();
    let (mut service, mut handle) = stack(&*factory);
    handle.allow(2);
    let _first = call(&mut service, "gold").await;
    let (_request, send) = passed(&mut handle).await;
    let second = call(&mut service, "gold").await;
    assert_eq!(stats(&*factory), [1, 1, 0, 1]);

    tokio::time::sleep(Duration::from_millis(49)).await;
    send.send_response(Response::default());
    let (request, send) = passed(&mut handle).await;
    assert_eq!(request.mutation.last("x-class"), Some(Some("high")));
    // The wait is over, but not the request: its place is taken.
    assert_eq!(stats(&*factory), [2, 1, 0, 1]);
    send.send_response(Response::default());
    second.await.expect("no panic").expect("answered");
    assert_eq!(stats(&*factory), [2, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_in_time() {
    let factory = shares();
    let (mut service, mut handle) = stack(&*factory);
    handle.allow(2);
    let _first = call(&mut service, "gold").await;
    let (_request, _send) = passed(&mut handle).await;
    let began = tokio::time::Instant::now();
    let second = call(&mut service, "gold").await;
    assert_eq!(refused(second).await, ReplyKind::RateLimited);
    // The clock of tests goes by milliseconds.
    let waited = began.elapsed().as_millis();
    assert!((50..=51).contains(&waited), "{waited} ms");
    assert_eq!(stats(&*factory), [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_place() {
    let factory = shares();
    let (mut service, mut handle) = stack(&*factory);
    handle.allow(3);
    let first = call(&mut service, "gold").await;
    let (_request, _send) = passed(&mut handle).await;
    let waiting = call(&mut service, "gold").await;
    for gone in [waiting, first] {
        gone.abort();
        gone.await.expect_err("it is cancelled");
    }
    assert_eq!(stats(&*factory), [1, 1, 0, 0]);
    let _third = call(&mut service, "gold").await;
    assert_eq!(stats(&*factory), [2, 1, 0, 1]);
}

#[test]
fn bad_configurations_are_refused_with_their_path() {
    let refused = |config: Value| {
        let config: FairShareConfig = serde_json::from_value(config).expect("well-formed");
        let error = FairShare.configure(config).err().expect("it is bad");
        error.to_string()
    };
    let cases = [
        (
            json!({}),
            "neither tenants nor others: every request would be refused",
        ),
        (
            json!({ "attribute": "", "others": { "in_flight": 1 } }),
            "attribute: must not be empty",
        ),
        (
            json!({ "tenants": { "a": { "in_flight": 1, "class": "b" } } }),
            "tenants.a.class: there is no class_header to say it in",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(refused(config), expected);
    }
}
