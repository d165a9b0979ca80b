//! One measurement: one case against one peer, in fresh processes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::ClientConfig;
use serde::Serialize;

use super::cases::{Case, Limits};
use super::column::Column;
use super::peer::{Binaries, Task};
use super::process::Server;
use crate::load::{self, Latency, LoadSpec};
use crate::procfs;
use crate::protocol::{self, Protocol};
use crate::tls::{self, Pki};

/// What all measurements of a suite have in common.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The protocol's name.
    pub(crate) protocol: &'static str,
    /// What the load generator and the echo server, and so each proxy on both
    /// sides, need for TLS; none speaks it if absent.
    pub(crate) tls: Option<Tls>,
    pub(crate) binaries: Binaries,
    pub(crate) work_dir: PathBuf,
    pub(crate) proxy_cpu: usize,
    pub(crate) echo_cpu: usize,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// How long memory gets to come back after load.
    pub(crate) settle: Duration,
    pub(crate) idle_connections: usize,
    /// Whether the load generator writes each call by itself.
    pub(crate) single_writes: bool,
}

/// Certificates, and what trusts them.
#[derive(Debug)]
pub(crate) struct Tls {
    pki: Pki,
    client: Arc<ClientConfig>,
}

impl Tls {
    /// With certificates made for the occasion, in `directory`.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let pki = Pki::create(directory)?;
        let client = tls::client(&pki.authority)?;
        Ok(Self { pki, client })
    }
}

impl Setup {
    /// What the load generator's connections need for TLS.
    pub(crate) fn client_tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref().map(|tls| &tls.client)
    }

    /// The protocol as a column has it.
    pub(crate) fn protocol(&self, column: Column) -> Result<&'static dyn Protocol> {
        protocol::by_name(self.protocol, column.form)
    }

    /// Starts an echo server and, unless the peer is direct, a proxy to it.
    pub(crate) fn start(&self, column: Column, limits: Limits) -> Result<(Server, Option<Server>)> {
        let protocol = self.protocol(column)?;
        let pki = self.tls.as_ref().map(|tls| &tls.pki);
        let echo = Server::echo(protocol, pki, self.echo_cpu, &self.work_dir)
            .context("starting the echo server")?;
        let task = Task {
            protocol,
            limits,
            tls: pki,
            upstream: echo.address(),
        };
        let proxy = Server::proxy(
            column.peer,
            &self.binaries,
            &task,
            self.proxy_cpu,
            &self.work_dir,
        )
        .with_context(|| format!("starting {}", column.peer))?;
        Ok((echo, proxy))
    }
}

/// The figures of one round, or medians of several rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    /// Verified replies per second.
    pub(crate) requests_per_second: f64,
    /// Latency in microseconds.
    pub(crate) latency: Latency,
    /// The proxy's CPU time per request in microseconds.
    pub(crate) cpu: Option<f64>,
    /// The share of the window that the proxy spent on its CPU.
    pub(crate) busy: Option<f64>,
    /// The echo server's CPU time per request in microseconds.
    pub(crate) echo_cpu: f64,
    /// The highest resident memory of the proxy so far, in KiB.
    pub(crate) peak_memory: Option<u64>,
}

/// Starts a peer, makes the case's load, and takes the readings.
pub(crate) fn measure(case: &Case, column: Column, setup: &Setup) -> Result<Measurement> {
    let (echo, proxy) = setup.start(column, case.limits)?;
    let spec = LoadSpec {
        target: proxy.as_ref().unwrap_or(&echo).address(),
        tls: setup.client_tls().cloned(),
        connections: case.connections,
        in_flight: case.in_flight,
        body: case.body,
        single_writes: setup.single_writes,
        rate: case.rate,
        warm_up: setup.warm_up,
        duration: setup.duration,
        count: None,
        two_servers: false,
    };
    let mut proxy_time = Stopwatch::new(proxy.as_ref());
    let mut echo_time = Stopwatch::new(Some(&echo));
    let result = load::run(&spec, setup.protocol(column)?, || {
        proxy_time.read()?;
        echo_time.read()
    })?;

    let per_request = |time: Duration| time.as_secs_f64() * 1e6 / result.requests as f64;
    let memory = proxy.as_ref().map(|proxy| procfs::memory(proxy.pid()));
    Ok(Measurement {
        requests_per_second: result.requests as f64 / result.seconds,
        latency: result.latency,
        cpu: proxy_time.between().map(per_request),
        busy: proxy_time
            .between()
            .map(|time| time.as_secs_f64() / result.seconds),
        echo_cpu: echo_time.between().map_or(0.0, per_request),
        peak_memory: memory.transpose()?.map(|memory| memory.peak),
    })
}

/// Takes a process's CPU time at the two marks of a run.
struct Stopwatch {
    pid: Option<u32>,
    readings: Vec<Duration>,
}

impl Stopwatch {
    fn new(server: Option<&Server>) -> Self {
        Self {
            pid: server.map(Server::pid),
            readings: Vec::new(),
        }
    }

    fn read(&mut self) -> Result<()> {
        if let Some(pid) = self.pid {
            self.readings.push(procfs::cpu_time(pid)?);
        }
        Ok(())
    }

    fn between(&self) -> Option<Duration> {
        match self.readings[..] {
            [start, end] => Some(end.saturating_sub(start)),
            _ => None,
        }
    }
}
