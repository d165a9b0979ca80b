use std::{collections::VecDeque, future::pending, io, time::Duration};

use meta_core::Address;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, timeout},
};

use crate::server::{Accept, RdsServer, SnapshotCache};

/// What is accepted, one after the other; then nothing more.
struct Script(VecDeque<io::Result<DuplexStream>>);

impl Accept for Script {
    type Transport = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Address)> {
        match self.0.pop_front() {
            Some(accepted) => accepted.map(|stream| (stream, Address::Memory)),
            None => pending().await,
        }
    }
}

fn server() -> RdsServer {
    RdsServer::new(SnapshotCache::new())
}

/// What the server says until it closes the connection, within two minutes.
async fn rest(client: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let closed = timeout(Duration::from_secs(120), client.read_to_end(&mut bytes)).await;
    closed.expect("it is closed").expect("in order");
    bytes
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(start_paused = true)]
async fn who_does_not_begin_is_let_go() {
    let (mut silent, first) = duplex(4096);
    let (mut halting, second) = duplex(4096);
    let (mut good, third) = duplex(4096);
    let script = Script([first, second, third].map(Ok).into());
    let serve = tokio::spawn(server().serve(script, pending()));
    halting.write_all(&PREFACE[..10]).await.expect("sent");
    good.write_all(PREFACE).await.expect("sent");
    let began = Instant::now();
    rest(&mut silent).await;
    rest(&mut halting).await;
    assert_eq!(began.elapsed().as_secs(), 15);
    // One that has begun stays as long as it answers pings; this one does not.
    rest(&mut good).await;
    assert_eq!(began.elapsed().as_secs(), 60 + 20);
    serve.abort();
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_socket_are_waited_for() {
    let (mut client, connection) = duplex(4096);
    let (no_files, broken) = (
        io::Error::from_raw_os_error(24),
        io::ErrorKind::ConnectionAborted.into(),
    );
    let script = Script([Err(no_files), Err(broken), Ok(connection)].into());
    let serve = tokio::spawn(server().serve(script, pending()));
    client.write_all(PREFACE).await.expect("sent");
    let began = Instant::now();
    // It is there: it sends its settings.
    client.read_u8().await.expect("something");
    assert_eq!(began.elapsed().as_millis(), 10);
    serve.abort();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_go_holds_the_end_up_for_a_while() {
    // It takes a byte, and no more.
    let (_client, connection) = duplex(1);
    let script = Script([Ok(connection)].into());
    let began = Instant::now();
    let stop = tokio::time::sleep(Duration::from_secs(1));
    let served = timeout(Duration::from_secs(60), server().serve(script, stop)).await;
    served.expect("it ends").expect("in order");
    assert!(began.elapsed() <= Duration::from_secs(1 + 5));
}
