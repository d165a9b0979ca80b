//! The load generator and the echo server under TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use mio::net::TcpListener;
use rustls::ClientConfig;

use super::Pki;
use crate::load::{self, IdleConnections, LoadResult, LoadSpec};
use crate::protocol::{self, Protocol};

fn thrift() -> Result<&'static dyn Protocol> {
    protocol::by_name("thrift", None)
}

/// An echo server, and certificates of its own.
fn serve(directory: &Path) -> Result<(SocketAddr, Pki)> {
    let pki = Pki::create(directory)?;
    let tls = super::server(&pki.certificate, &pki.key)?;
    let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let address = listener.local_addr()?;
    let protocol = thrift()?;
    // The client notices whatever goes wrong here.
    thread::spawn(move || crate::echo::serve(listener, protocol, Some(&tls), false));
    Ok((address, pki))
}

fn load(target: SocketAddr, tls: Option<Arc<ClientConfig>>, body: usize) -> Result<LoadResult> {
    let spec = LoadSpec {
        target,
        tls,
        connections: 2,
        in_flight: 8,
        body,
        single_writes: false,
        rate: None,
        warm_up: Duration::from_millis(5),
        duration: Duration::from_millis(100),
        count: None,
        two_servers: false,
    };
    load::run(&spec, thrift()?, || Ok(()))
}

#[test]
fn bodies_of_many_sizes_come_back() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (address, pki) = serve(directory.path())?;
    let tls = super::client(&pki.authority)?;
    // What fits one read of the session, what fills it, several records, and more
    // than sockets take at once.
    for body in [128, 4_000, 16 << 10, 100_000, 1 << 20] {
        assert!(load(address, Some(tls.clone()), body)?.requests > 0);
    }
    IdleConnections::open(address, Some(&tls), 20, thrift()?)?.check()
}

#[test]
fn only_the_servers_authority_will_do() -> Result<()> {
    let (directory, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (address, _) = serve(directory.path())?;
    let stranger = super::client(&Pki::create(other.path())?.authority)?;
    assert!(load(address, Some(stranger), 128).is_err());
    assert!(load(address, None, 128).is_err(), "plain text");
    Ok(())
}
