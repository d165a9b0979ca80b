//! The suite: every case against every peer, in interleaved rounds.

mod cases;
mod measure;
mod memory;
mod peer;
mod process;
mod report;
mod stats;
mod table;
mod targets;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::cases::{CASES, Case, MEMORY};
use self::measure::Setup;
use self::peer::{Binaries, Peer};
use self::report::Report;
use crate::{protocol, sys};

/// Open files every process of the suite may have: two for each of the idle
/// connections and some more. Proxies size tables by it, so it is fixed.
const OPEN_FILES: u64 = 20_000;

/// Options of the `suite` command.
#[derive(Args, Debug)]
pub(crate) struct SuiteArgs {
    /// Protocol to speak.
    #[arg(long, default_value = "thrift")]
    protocol: String,
    /// One short round of each case.
    #[arg(long)]
    quick: bool,
    /// Only these cases.
    #[arg(long, value_delimiter = ',', value_name = "CASE", value_parser = cases::names())]
    only: Vec<String>,
    /// Only these peers.
    #[arg(long, value_delimiter = ',', value_enum, value_name = "PEER")]
    peers: Vec<Peer>,
    /// Rounds of each case; 5, or 1 if quick.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds measured in each round; 3, or 0.8 if quick.
    #[arg(long)]
    seconds: Option<f64>,
    /// Seconds of load before measuring; 1, or 0.3 if quick.
    #[arg(long)]
    warm_up: Option<f64>,
    /// Write each call by itself instead of with the others due: smaller
    /// batches for the proxies.
    #[arg(long)]
    single_writes: bool,
    /// Number of connections in the memory case.
    #[arg(long, default_value_t = 9_900)]
    idle_connections: usize,
    /// CPU for the proxy.
    #[arg(long, default_value_t = 0)]
    proxy_cpu: usize,
    /// CPU for the load generator.
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
    /// CPU for the echo server.
    #[arg(long, default_value_t = 1)]
    echo_cpu: usize,
    #[command(flatten)]
    binaries: Binaries,
    /// Directory for configuration and log files.
    #[arg(long)]
    work_dir: PathBuf,
    /// Also write all measurements to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl SuiteArgs {
    fn setup(&self) -> Result<Setup> {
        let seconds = |given: Option<f64>, long, quick| {
            let default = if self.quick { quick } else { long };
            Duration::try_from_secs_f64(given.unwrap_or(default))
        };
        Ok(Setup {
            protocol: protocol::by_name(&self.protocol)?,
            binaries: self.binaries.clone(),
            work_dir: self.work_dir.clone(),
            proxy_cpu: self.proxy_cpu,
            echo_cpu: self.echo_cpu,
            warm_up: seconds(self.warm_up, 1.0, 0.3)?,
            duration: seconds(self.seconds, 3.0, 0.8)?,
            settle: seconds(None, 10.0, 2.0)?,
            idle_connections: self.idle_connections,
            single_writes: self.single_writes,
        })
    }

    fn selects(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == case)
    }
}

/// Runs the selected cases, prints the tables and writes the JSON file.
pub(crate) fn run(args: &SuiteArgs) -> Result<()> {
    let setup = args.setup()?;
    let rounds = args.rounds.unwrap_or(if args.quick { 1 } else { 5 });
    ensure!(rounds > 0, "at least one round");
    let peers: Vec<Peer> = Peer::ALL
        .into_iter()
        .filter(|peer| args.peers.is_empty() || args.peers.contains(peer))
        .collect();
    for &peer in &peers {
        setup.binaries.check(peer)?;
    }
    fs::create_dir_all(&setup.work_dir).context("cannot create the work directory")?;
    let limit = sys::set_open_file_limit(OPEN_FILES)?;
    sys::pin_to_cpu(args.load_cpu)
        .context("the suite needs two CPUs: see --proxy-cpu, --load-cpu and --echo-cpu")?;
    if limit < 2 * setup.idle_connections as u64 + 100 {
        eprintln!("note: only {limit} open files are permitted; the memory case may fail");
    }

    let mut report = Report::new(rounds, &setup);
    for case in CASES.iter().filter(|case| args.selects(case.name)) {
        run_case(case, &peers, rounds, &setup, &mut report);
        report.print_case(case);
    }
    if args.selects(MEMORY) {
        for peer in peers.iter().copied().filter(|&peer| peer.is_proxy()) {
            eprintln!("{MEMORY}: {peer}");
            match memory::measure(peer, &setup) {
                Ok(reading) => report.add_memory(peer, reading),
                Err(error) => report.add_failure(MEMORY, peer, &error),
            }
        }
        report.print_memory();
    }
    report.print_targets();
    if let Some(file) = &args.json {
        fs::write(file, report.to_json()?).context("cannot write the JSON file")?;
    }
    if report.failures() > 0 {
        bail!("{} runs FAILED; see above", report.failures());
    }
    Ok(())
}

/// Runs one case: all peers in turn, then all again, so that a slow spell of
/// the machine hits every peer alike.
fn run_case(case: &Case, peers: &[Peer], rounds: usize, setup: &Setup, report: &mut Report) {
    for round in 1..=rounds {
        for &peer in peers.iter().filter(|&&peer| case.includes(peer)) {
            eprintln!("{} round {round} of {rounds}: {peer}", case.name);
            match measure::measure(case, peer, setup) {
                Ok(measurement) => report.add(case.name, peer, round, measurement),
                Err(error) => report.add_failure(case.name, peer, &error),
            }
        }
    }
}
