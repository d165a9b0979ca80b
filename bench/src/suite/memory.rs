//! The memory case: what a proxy holds when idle, with many idle connections,
//! under heavy load, and after each of them.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::cases::Limits;
use super::column::Column;
use super::measure::Setup;
use super::process::Server;
use crate::load::{self, IdleConnections, LoadSpec};
use crate::procfs::{self, Memory};
use crate::protocol::Protocol;

/// Size of a request of the heavy load.
const HEAVY_BODY: usize = 1 << 20;
/// Connections of the heavy load.
const CONNECTIONS: usize = 32;
/// How long a proxy gets before its first reading.
const START: Duration = Duration::from_secs(1);
/// How long it gets at least to give memory back: some do so a second or two
/// after they have come to rest.
const REST: Duration = Duration::from_secs(3);

/// The stages of the case, in order.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct MemoryReading {
    /// Before the first connection.
    pub(crate) started: Memory,
    /// With all idle connections open after a call each.
    pub(crate) connected: Memory,
    /// Some time after they were closed.
    pub(crate) closed: Memory,
    /// At the end of the heavy load; its `peak` is that of the load.
    pub(crate) loaded: Memory,
    /// Some time after the heavy load.
    pub(crate) after: Memory,
}

/// Takes one proxy through all stages.
pub(crate) fn measure(column: Column, limits: Limits, setup: &Setup) -> Result<MemoryReading> {
    let protocol = setup.protocol(column)?;
    let (echo, proxy) = setup.start(column, limits)?;
    let proxy = proxy.context("memory is measured of proxies")?;
    thread::sleep(START);
    let started = procfs::memory(proxy.pid())?;
    let settle = setup.settle.max(REST);

    let idle = IdleConnections::open(
        proxy.address(),
        setup.client_tls(),
        setup.idle_connections,
        protocol,
    )?;
    thread::sleep(START);
    let connected = procfs::memory(proxy.pid())?;
    idle.check()?;
    drop(idle);
    thread::sleep(settle);
    let closed = procfs::memory(proxy.pid())?;

    procfs::reset_peak(proxy.pid())?;
    let loaded = load_heavily(&proxy, protocol, setup)?;
    thread::sleep(settle);
    let after = procfs::memory(proxy.pid())?;
    drop(echo);
    Ok(MemoryReading {
        started,
        connected,
        closed,
        loaded,
        after,
    })
}

fn load_heavily(proxy: &Server, protocol: &'static dyn Protocol, setup: &Setup) -> Result<Memory> {
    let spec = LoadSpec {
        target: proxy.address(),
        tls: setup.client_tls().cloned(),
        connections: CONNECTIONS,
        in_flight: 1,
        body: HEAVY_BODY,
        single_writes: false,
        rate: None,
        warm_up: Duration::ZERO,
        duration: setup.duration,
        count: None,
        two_servers: false,
    };
    let mut last = Memory::default();
    load::run(&spec, protocol, || {
        last = procfs::memory(proxy.pid())?;
        Ok(())
    })?;
    Ok(last)
}
