//! The suite: every case against every peer, in interleaved rounds.

mod bootstrap;
mod cases;
mod column;
mod live;
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

use self::cases::{Case, Limits, MEMORY, PLANS, Plan};
use self::column::Column;
use self::measure::{Setup, Tls};
use self::peer::{Binaries, Peer};
use self::report::Report;
use crate::protocol::Form;
use crate::sys;

/// Open files every process of the suite may have: two for each of the idle
/// connections and some more. Proxies size tables by it, so it is fixed.
const OPEN_FILES: u64 = 20_000;
/// All protocols, on the command line.
const ALL: &str = "all";

/// Options of the `suite` command.
#[derive(Args, Debug)]
pub(crate) struct SuiteArgs {
    /// Only this protocol, or `all`. `live-routes` is Thrift whose routes change; `thrift-tls` is Thrift under TLS on both sides;
    /// `thrift-forms` compares Thrift's forms, `thrift-config` ways to configure our
    /// proxy.
    #[arg(long, default_value = ALL, value_name = "NAME")]
    #[arg(value_parser = [&[ALL], &cases::protocols()[..]].concat())]
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
    /// With `thrift-forms`: only these, and the one they are compared with.
    #[arg(long, value_delimiter = ',', value_enum, value_name = "FORM")]
    forms: Vec<Form>,
    /// Rounds of each case; 5, of live routes 3, or 1 if quick.
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
    fn setup(&self, protocol: &'static str, tls: Option<Tls>) -> Result<Setup> {
        let seconds = |given: Option<f64>, long, quick| {
            let default = if self.quick { quick } else { long };
            Duration::try_from_secs_f64(given.unwrap_or(default))
        };
        Ok(Setup {
            protocol,
            tls,
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

    fn selects_plan(&self, plan: &Plan) -> bool {
        let has_case = self.memory_limits(plan).is_some()
            || plan.cases.iter().any(|case| self.selects(case.name));
        has_case && (self.protocol == ALL || self.protocol == plan.name)
    }

    /// Who is compared under live routes; nobody where they are not selected.
    fn live_peers(&self) -> Vec<Peer> {
        let is_selected = (self.protocol == ALL || self.protocol == live::NAME)
            && live::names().any(|case| self.selects(case));
        let is_chosen = |peer: &Peer| self.peers.is_empty() || self.peers.contains(peer);
        let peers = live::PEERS.into_iter().filter(is_chosen);
        peers.filter(|_| is_selected).collect()
    }

    /// The limits of the plan's memory case, if it has one that is selected.
    fn memory_limits(&self, plan: &Plan) -> Option<Limits> {
        plan.memory_limits.filter(|_| self.selects(MEMORY))
    }

    fn columns(&self, plan: &Plan) -> Vec<Column> {
        let columns = plan.columns.iter().copied();
        columns
            .filter(|column| self.peers.is_empty() || self.peers.contains(&column.peer))
            .filter(|column| match column.form {
                Some(form) if form != Form::BASE => {
                    self.forms.is_empty() || self.forms.contains(&form)
                }
                _ => true,
            })
            .collect()
    }
}

/// Runs the selected cases, prints the tables and writes the JSON file.
pub(crate) fn run(args: &SuiteArgs) -> Result<()> {
    let rounds = args.rounds.unwrap_or(if args.quick { 1 } else { 5 });
    ensure!(rounds > 0, "at least one round");
    let plans: Vec<&Plan> = PLANS
        .iter()
        .filter(|plan| args.selects_plan(plan))
        .collect();
    for column in plans.iter().flat_map(|plan| args.columns(plan)) {
        args.binaries.check(column.peer)?;
    }
    let live_peers = args.live_peers();
    for peer in &live_peers {
        args.binaries.check(*peer)?;
    }
    fs::create_dir_all(&args.work_dir).context("cannot create the work directory")?;
    let limit = sys::set_open_file_limit(OPEN_FILES)?;
    sys::pin_to_cpu(args.load_cpu)
        .context("the suite needs two CPUs: see --proxy-cpu, --load-cpu and --echo-cpu")?;
    if limit < 2 * args.idle_connections as u64 + 100 {
        eprintln!("note: only {limit} open files are permitted; the memory case may fail");
    }

    let mut reports = Vec::new();
    for plan in plans {
        reports.push(run_plan(plan, rounds, args)?);
    }
    let live = run_live(live_peers, args)?;
    reports.iter().for_each(Report::print_targets);
    if let Some(file) = &args.json {
        let mut reports: Vec<_> = reports.iter().map(Report::to_json).collect::<Result<_>>()?;
        if let Some(live) = &live {
            reports.push(serde_json::to_value(live)?);
        }
        let text = format!("{:#}\n", serde_json::Value::from(reports));
        fs::write(file, text).context("cannot write the JSON file")?;
    }
    let failures: usize = reports.iter().map(Report::failures).sum();
    let failures = failures + live.as_ref().map_or(0, live::Report::failures);
    if failures > 0 {
        bail!("{failures} runs FAILED; see above");
    }
    Ok(())
}

/// Runs the cases of live routes, if there is anybody to run them with.
fn run_live(peers: Vec<Peer>, args: &SuiteArgs) -> Result<Option<live::Report>> {
    if peers.is_empty() {
        return Ok(None);
    }
    let setup = args.setup("thrift", None)?;
    let choice = live::Choice {
        setup: &setup,
        peers,
        rounds: args.rounds.unwrap_or(if args.quick { 1 } else { 3 }),
        is_quick: args.quick,
    };
    Ok(Some(live::Report::run(&choice, |case| args.selects(case))))
}

/// Runs the selected cases of one protocol and prints their tables.
fn run_plan(plan: &'static Plan, rounds: usize, args: &SuiteArgs) -> Result<Report> {
    let tls = plan.tls.then(|| Tls::create(&args.work_dir)).transpose()?;
    let setup = args.setup(plan.protocol, tls)?;
    let columns = args.columns(plan);
    let mut report = Report::new(plan, rounds, &setup);
    for case in plan.cases.iter().filter(|case| args.selects(case.name)) {
        run_case(case, &columns, rounds, &setup, &mut report);
        report.print_case(case);
    }
    if let Some(limits) = args.memory_limits(plan) {
        for column in columns.into_iter().filter(|column| column.peer.is_proxy()) {
            eprintln!("{} {MEMORY}: {column}", plan.name);
            match memory::measure(column, limits, &setup) {
                Ok(reading) => report.add_memory(column, reading),
                Err(error) => report.add_failure(MEMORY, column, &error),
            }
        }
        report.print_memory();
    }
    Ok(report)
}

/// Runs one case: all columns in turn, then all again, so that a slow spell of
/// the machine hits every one alike.
fn run_case(case: &Case, columns: &[Column], rounds: usize, setup: &Setup, report: &mut Report) {
    let name = format!("{} {}", report.name(), case.name);
    for round in 1..=rounds {
        for &column in columns.iter().filter(|column| case.includes(column.peer)) {
            eprintln!("{name} round {round} of {rounds}: {column}");
            match measure::measure(case, column, setup) {
                Ok(measurement) => report.add(case.name, column, round, measurement),
                Err(error) => report.add_failure(case.name, column, &error),
            }
        }
    }
}
