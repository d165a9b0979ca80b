//! Control planes that go away, and come back.

use std::net::TcpListener;

use meta_rds::RdsState;
use tonic::Status;

use crate::{
    scripted::{Scripted, response},
    support::{Control, cluster, manager, next, settings, source, to, until},
};

async fn restart(delta: bool) {
    let control = Control::start().await;
    control.serve("1", &[("a", "x")]);
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(control.address, delta)));
    assert_eq!(next(&mut watch).await, "x");
    let address = control.address;
    control.stop().await;
    until("it is noticed", || {
        let planes = manager.control_planes();
        !planes[0].connected && planes[0].last_error.is_some()
    })
    .await;
    assert_eq!(cluster(&watch.routes().expect("routes")), "x");
    assert_eq!(watch.status().state, RdsState::Accepted);
    assert!(watch.stats().update_failure >= 1);
    // It is back with the same, and then with something else.
    let control = Control::restart(address).await;
    control.serve("9", &[("a", "x")]);
    until("it is back", || manager.control_planes()[0].connected).await;
    control.serve("10", &[("a", "y")]);
    assert_eq!(next(&mut watch).await, "y");
    assert_eq!(watch.stats().config_reload, 2);
    control.stop().await;
}

#[tokio::test]
async fn a_restart_in_state_of_the_world() {
    restart(false).await;
}

#[tokio::test]
async fn a_restart_in_delta() {
    restart(true).await;
}

#[tokio::test]
async fn a_server_that_comes_late() {
    // A port that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr();
    let address = address.expect("an address");
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(address, false)));
    until("it is tried in vain", || watch.stats().update_failure >= 2).await;
    let control = Control::restart(address).await;
    control.serve("1", &[("a", "x")]);
    assert_eq!(next(&mut watch).await, "x");
    control.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_cut_is_taken_up_where_it_was() {
    let mut server = Scripted::start().await;
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(server.address, false)));
    let mut talk = server.stream().await;
    talk.request().await;
    talk.say(response("1", &to("a", "x"))).await;
    assert_eq!(next(&mut watch).await, "x");
    talk.fail(Status::unavailable("maintenance")).await;
    let mut talk = server.stream().await;
    let first = talk.request().await;
    assert_eq!(first.version_info, "1");
    assert_eq!(first.response_nonce, "");
    assert!(first.node.is_some());
    talk.say(response("2", &to("a", "y"))).await;
    assert_eq!(next(&mut watch).await, "y");
}

#[tokio::test]
async fn a_server_that_does_not_serve_this() {
    let mut server = Scripted::start().await;
    let manager = manager();
    let watch = manager.watch(&settings("a", source(server.address, true)));
    until("it is told", || {
        let error = &manager.control_planes()[0].last_error;
        error
            .as_ref()
            .is_some_and(|error| error.contains("no delta here"))
    })
    .await;
    drop(watch);
    let _ = &mut server;
}
