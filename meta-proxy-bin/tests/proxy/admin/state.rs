//! Readiness, and the end.

use std::time::Duration;

use meta_proxy::Phase;
use serde_json::Value;

use super::start;
use crate::{
    http::{get, get_async, post, post_async},
    program::Program,
    thrift,
    toy::{Client, Server, eventually, loopback, proxy},
};

#[tokio::test]
async fn readiness_follows_the_phase() {
    let server = Server::start("v1").await;
    let builder = proxy(&server)
        .admin(loopback())
        .lame_duck(Duration::from_secs(60));
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let ready = get_async(admin, "/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "LIVE\n"));
    let handle = running.handle().clone();
    let drained = tokio::spawn(async move { handle.drain(Duration::from_secs(10)).await });
    eventually("its end", || running.handle().phase() == Phase::LameDuck).await;
    let ready = get_async(admin, "/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "LAME_DUCK\n"));
    running.handle().abort();
    drained.await.expect("no panic");
    eventually("the admin's end", || {
        std::net::TcpStream::connect(admin).is_err()
    })
    .await;
}

#[tokio::test]
async fn health_checks_can_be_made_to_fail() {
    let (_server, running, admin) = start().await;
    assert_eq!(get_async(admin, "/healthcheck/fail").await.status, 405);
    assert_eq!(get_async(admin, "/ready").await.status, 200);
    assert_eq!(post_async(admin, "/healthcheck/fail").await.body, "OK\n");
    let ready = get_async(admin, "/ready").await;
    assert_eq!((ready.status, &*ready.body), (503, "DRAINING\n"));
    let info = get_async(admin, "/server_info").await.body;
    let info: Value = serde_json::from_str(&info).expect("it is JSON");
    assert_eq!(info["state"], "DRAINING");
    assert_eq!(running.handle().stats().gauge("server.live"), 0);
    // Requests are still served.
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
    assert_eq!(post_async(admin, "/healthcheck/ok").await.body, "OK\n");
    assert_eq!(get_async(admin, "/ready").await.status, 200);
}

#[test]
fn the_program_tells_what_it_is_and_can_be_ended() {
    let upstream = thrift::server("v1").to_string();
    let program = Program::start(&[
        "quick",
        "--protocol",
        "thrift",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        &upstream,
        "--concurrency",
        "2",
        "--drain-time-s",
        "7",
    ]);
    let address = program.address("listening on ");
    let admin = program.address("admin on http://");
    let info = get(admin, "/server_info");
    assert!(
        info.head.contains("content-type: application/json"),
        "{}",
        info.head
    );
    let info: Value = serde_json::from_str(&info.body).expect("it is JSON");
    let version = info["version"].as_str().expect("it is text");
    let expected = concat!("meta-proxy/", env!("CARGO_PKG_VERSION"), "/");
    assert!(version.starts_with(expected), "{version}");
    assert_eq!(info["state"], "LIVE");
    assert_eq!(info["hot_restart_version"], "disabled");
    let options = &info["command_line_options"];
    assert_eq!(options["concurrency"], 2);
    assert_eq!(options["drain_time"], "7s");
    assert_eq!(options["log_level"], "info");
    let uptime = info["uptime_current_epoch"].as_str().expect("it is text");
    assert!(uptime.ends_with('s'), "{uptime}");

    let memory: Value = serde_json::from_str(&get(admin, "/memory").body).expect("it is JSON");
    for name in ["heap_size", "total_physical_bytes"] {
        let bytes: u64 = memory[name].as_str().expect(name).parse().expect(name);
        // Less than a MiB is no process, more than a GiB not this one.
        assert!((1 << 20..1 << 30).contains(&bytes), "{memory}");
    }
    assert_eq!(get(admin, "/hot_restart_version").body, "disabled");

    let mut client = thrift::Client::connect(address);
    assert!(client.call(1, "hello").is_some());
    assert_eq!(get(admin, "/quitquitquit").status, 405);
    assert_eq!(post(admin, "/quitquitquit").body, "OK\n");
    client.wait_for_end();
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("drained: 1 connections closed, 0 aborted"),
        "{log}"
    );
}
