//! The load generator against servers that answer well and badly.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{IdleConnections, LoadResult, LoadSpec, run};
use crate::net::{Fill, Inbox, Outbox};
use crate::protocol::{self, Form, Protocol};

/// Changes the replies to the calls read at once, before they are sent.
type Tamper = fn(&mut Vec<Vec<u8>>);

fn serve(protocol: &'static dyn Protocol, tamper: Tamper) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The client notices whatever goes wrong here.
            thread::spawn(move || answer(stream, protocol, tamper));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream, protocol: &dyn Protocol, tamper: Tamper) -> Result<()> {
    let (mut inbox, mut outbox) = (Inbox::default(), Outbox::default());
    while inbox.fill(&mut stream)? != Fill::Closed {
        let mut replies = Vec::new();
        while let Some(len) = inbox.frame(protocol)? {
            let mut reply = Vec::new();
            protocol.write_reply(&inbox.data()[..len], &mut reply)?;
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

fn load(
    protocol: &'static dyn Protocol,
    tamper: Tamper,
    body: usize,
    rate: Option<f64>,
) -> Result<LoadResult> {
    let spec = LoadSpec {
        target: serve(protocol, tamper)?,
        tls: None,
        connections: 2,
        in_flight: 8,
        body,
        single_writes: false,
        rate,
        warm_up: Duration::from_millis(5),
        duration: Duration::from_millis(100),
        count: None,
        two_servers: false,
    };
    run(&spec, protocol, || Ok(()))
}

/// Flips a bit of the last reply's byte at `index`.
fn flip(replies: &mut [Vec<u8>], index: usize) {
    if let Some(byte) = replies.last_mut().and_then(|reply| reply.get_mut(index)) {
        *byte ^= 1;
    }
}

#[test]
fn good_replies_pass_in_any_order() -> Result<()> {
    for protocol in protocol::all() {
        for body in [128, 1_000, 100_000] {
            assert!(load(protocol, |_| {}, body, None)?.requests > 16);
            assert!(load(protocol, |replies| replies.reverse(), body, None)?.requests > 16);
        }
    }
    Ok(())
}

#[test]
fn a_fixed_rate_is_kept() -> Result<()> {
    for protocol in protocol::all() {
        let result = load(protocol, |_| {}, 1_000, Some(1_000.0))?;
        assert!((10..=500).contains(&result.requests), "{result:?}");
        assert!(result.latency.p50 > 0.0);
    }
    Ok(())
}

#[test]
fn bad_replies_fail_the_run() -> Result<()> {
    for protocol in protocol::all() {
        let alter: Tamper = |replies| flip(replies, 500);
        let repeat: Tamper = |replies| replies.extend(replies.first().cloned());
        let mut tampers = vec![alter, repeat];
        match protocol.form() {
            // Frame length, version, name length, name, sequence id.
            Some(Form::FramedBinary) => tampers.extend([
                (|replies| flip(replies, 12)) as Tamper,
                |replies| flip(replies, 16),
                |replies| flip(replies, 19),
            ]),
            // The other forms' tests are with them.
            Some(_) => {}
            // Magic, flags, status, id, body length, kind; attachments last.
            None => tampers.extend([
                (|replies| flip(replies, 3)) as Tamper,
                |replies| flip(replies, 11),
                |replies| {
                    let last = replies.last().map_or(0, Vec::len);
                    flip(replies, last.saturating_sub(2));
                },
            ]),
        }
        for (index, tamper) in tampers.into_iter().enumerate() {
            let result = load(protocol, tamper, 1_000, None);
            assert!(result.is_err(), "{protocol:?} {index}");
        }
    }
    Ok(())
}

#[test]
fn swapped_bodies_fail_the_run() -> Result<()> {
    let swap: Tamper = |replies| {
        if let [first, second, ..] = &mut replies[..] {
            let (of_first, of_second) = (first.split_off(30), second.split_off(30));
            first.extend(of_second);
            second.extend(of_first);
        }
    };
    for protocol in protocol::all() {
        assert!(load(protocol, swap, 1_000, None).is_err());
    }
    Ok(())
}

#[test]
fn idle_connections_are_verified() -> Result<()> {
    for protocol in protocol::all() {
        IdleConnections::open(serve(protocol, |_| {})?, None, 20, protocol)?.check()?;
        let extra: Tamper = |replies| replies.extend(replies.first().cloned());
        assert!(IdleConnections::open(serve(protocol, extra)?, None, 1, protocol).is_err());
    }
    Ok(())
}
