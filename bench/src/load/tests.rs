//! The load generator against servers that answer well and badly.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{IdleConnections, LoadResult, LoadSpec, run};
use crate::net::{Fill, Inbox, Outbox};
use crate::protocol::{self, Protocol};

/// Changes the replies to the calls read at once, before they are sent.
type Tamper = fn(&mut Vec<Vec<u8>>);

fn serve(tamper: Tamper) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The client notices whatever goes wrong here.
            thread::spawn(move || answer(stream, tamper));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream, tamper: Tamper) -> Result<()> {
    let thrift = protocol::by_name("thrift")?;
    let (mut inbox, mut outbox) = (Inbox::default(), Outbox::default());
    while inbox.fill(&mut stream)? != Fill::Closed {
        let mut replies = Vec::new();
        while let Some(len) = inbox.frame(thrift)? {
            let mut reply = Vec::new();
            thrift.write_reply(&inbox.data()[..len], &mut reply)?;
            inbox.consume(len);
            replies.push(reply);
        }
        tamper(&mut replies);
        replies
            .iter()
            .for_each(|reply| outbox.tail().extend_from_slice(reply));
        outbox.flush(&mut stream)?;
    }
    Ok(())
}

fn load(tamper: Tamper, rate: Option<f64>) -> Result<LoadResult> {
    let spec = LoadSpec {
        target: serve(tamper)?,
        connections: 2,
        in_flight: 8,
        body: 1_000,
        single_writes: false,
        rate,
        warm_up: Duration::from_millis(5),
        duration: Duration::from_millis(100),
        count: None,
    };
    run(&spec, protocol::by_name("thrift")?, || Ok(()))
}

#[test]
fn good_replies_pass_in_any_order() -> Result<()> {
    assert!(load(|_| {}, None)?.requests > 16);
    assert!(load(|replies| replies.reverse(), None)?.requests > 16);
    Ok(())
}

#[test]
fn a_fixed_rate_is_kept() -> Result<()> {
    let result = load(|_| {}, Some(1_000.0))?;
    assert!((10..=500).contains(&result.requests), "{result:?}");
    assert!(result.latency.p50 > 0.0);
    Ok(())
}

#[test]
fn bad_replies_fail_the_run() {
    let flip: Tamper = |replies| {
        if let Some(byte) = replies.last_mut().and_then(|reply| reply.get_mut(500)) {
            *byte ^= 1;
        }
    };
    let repeat: Tamper = |replies| replies.extend(replies.first().cloned());
    let renumber: Tamper = |replies| {
        // Frame length, version, name length, name: then the sequence id.
        if let Some(byte) = replies.last_mut().and_then(|reply| reply.get_mut(16)) {
            *byte ^= 1;
        }
    };
    let rename: Tamper = |replies| {
        if let Some(byte) = replies.last_mut().and_then(|reply| reply.get_mut(12)) {
            *byte ^= 1;
        }
    };
    for tamper in [flip, repeat, renumber, rename] {
        assert!(load(tamper, None).is_err());
    }
}

#[test]
fn swapped_bodies_fail_the_run() {
    let swap: Tamper = |replies| {
        if let [first, second, ..] = &mut replies[..] {
            first[30..].swap_with_slice(&mut second[30..]);
        }
    };
    assert!(load(swap, None).is_err());
}

#[test]
fn idle_connections_are_verified() -> Result<()> {
    let thrift: &'static dyn Protocol = protocol::by_name("thrift")?;
    IdleConnections::open(serve(|_| {})?, 20, thrift)?.check()?;
    let extra: Tamper = |replies| replies.extend(replies.first().cloned());
    assert!(IdleConnections::open(serve(extra)?, 1, thrift).is_err());
    Ok(())
}
