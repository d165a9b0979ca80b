//! The load generator: verified calls over a number of connections, either as
//! fast as replies come back or at a fixed rate.

mod client;
mod engine;
mod idle;
mod latency;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rustls::ClientConfig;
use serde::Serialize;

pub(crate) use client::Answer;
pub(crate) use engine::run;
pub(crate) use idle::IdleConnections;
pub(crate) use latency::{Latency, Samples};

use crate::protocol::{self, Form};
use crate::{procfs, sys, tls};

/// What load to make.
#[derive(Clone, Debug)]
pub(crate) struct LoadSpec {
    /// Where to connect.
    pub(crate) target: SocketAddr,
    /// The connections are under TLS if given.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Number of connections.
    pub(crate) connections: usize,
    /// Calls in flight on each; a fixed rate does not wait for replies.
    pub(crate) in_flight: usize,
    /// Size of a request, as the protocol counts it.
    pub(crate) body: usize,
    /// Whether each call is written by itself instead of with the others that
    /// became due at the same time.
    pub(crate) single_writes: bool,
    /// Calls per second over all connections; as many as possible if absent.
    pub(crate) rate: Option<f64>,
    /// How long to make load before measuring.
    pub(crate) warm_up: Duration,
    /// How long to measure.
    pub(crate) duration: Duration,
    /// Stop measuring after this many replies, if that comes first.
    pub(crate) count: Option<u64>,
    /// Whether there are two servers, one of which marks its replies; every answer
    /// is then kept.
    pub(crate) two_servers: bool,
}

/// What was measured between warm-up and end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadResult {
    /// Verified replies received.
    pub(crate) requests: u64,
    /// How long the measured window was.
    pub(crate) seconds: f64,
    /// Latency of the calls begun in the window.
    pub(crate) latency: Latency,
    /// Every answer from the first call to the last, where they are kept.
    #[serde(skip)]
    pub(crate) answers: Vec<Answer>,
}

/// Options of the `load` command.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// Address to connect to.
    #[arg(long)]
    target: SocketAddr,
    /// Protocol to speak.
    #[arg(long, default_value = "thrift")]
    protocol: String,
    /// Which of Thrift's forms; framed-binary unless given.
    #[arg(long, value_enum)]
    form: Option<Form>,
    /// Speak TLS, and trust the authority in this PEM file.
    #[arg(long)]
    tls_authority: Option<PathBuf>,
    /// Number of connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Calls in flight on each connection.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Size of a request, as the protocol counts it.
    #[arg(long, default_value_t = 128)]
    body: usize,
    /// Write each call by itself.
    #[arg(long)]
    single_writes: bool,
    /// Calls per second; without it, as many as possible.
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds of load before measuring.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds to measure.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Stop after this many replies, if that comes first.
    #[arg(long)]
    count: Option<u64>,
    /// A process to report the CPU time of.
    #[arg(long)]
    pid: Option<u32>,
    /// CPU to run on.
    #[arg(long)]
    cpu: Option<usize>,
}

/// Makes the load and prints the result as JSON.
pub(crate) fn run_command(args: &LoadArgs) -> Result<()> {
    let protocol = protocol::by_name(&args.protocol, args.form)?;
    if args.connections == 0 || args.in_flight == 0 {
        bail!("at least one connection and one call in flight");
    }
    if let Some(cpu) = args.cpu {
        sys::pin_to_cpu(cpu).context("cannot pin to the CPU")?;
    }
    sys::set_open_file_limit(args.connections as u64 + 100)?;
    let spec = LoadSpec {
        target: args.target,
        tls: args.tls_authority.as_deref().map(tls::client).transpose()?,
        connections: args.connections,
        in_flight: args.in_flight,
        body: args.body,
        single_writes: args.single_writes,
        rate: args.rate,
        warm_up: Duration::try_from_secs_f64(args.warm_up)?,
        duration: Duration::try_from_secs_f64(args.seconds)?,
        count: args.count,
        two_servers: false,
    };
    let mut readings = Vec::new();
    let result = run(&spec, protocol, || {
        if let Some(pid) = args.pid {
            readings.push(procfs::cpu_time(pid)?);
        }
        Ok(())
    })?;
    let mut output = serde_json::to_value(&result)?;
    if let [start, end] = readings[..] {
        let used = end.saturating_sub(start).as_secs_f64();
        output["cpu_us_per_request"] = (used * 1e6 / result.requests as f64).into();
    }
    println!("{output:#}");
    Ok(())
}
