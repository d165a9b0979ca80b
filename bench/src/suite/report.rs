//! Collects the measurements and prints them as tables and as JSON.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::cases::{Case, MEMORY, Plan};
use super::measure::{Measurement, Setup};
use super::memory::MemoryReading;
use super::peer::Peer;
use super::stats::{Ratio, median_of, ratio};
use super::table::Table;
use super::targets;

/// All that a run of the suite found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    protocol: &'static str,
    #[serde(skip)]
    plan: &'static Plan,
    rounds: usize,
    seconds: f64,
    idle_connections: usize,
    single_writes: bool,
    measurements: Vec<Row>,
    memory: Vec<MemoryRow>,
    failures: Vec<Failure>,
}

/// One measurement and where it belongs.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) peer: Peer,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) measurement: Measurement,
}

#[derive(Debug, Serialize)]
struct MemoryRow {
    peer: Peer,
    #[serde(flatten)]
    reading: MemoryReading,
}

#[derive(Debug, Serialize)]
struct Failure {
    case: &'static str,
    peer: Peer,
    error: String,
}

impl Report {
    /// Nothing measured yet.
    pub(crate) fn new(plan: &'static Plan, rounds: usize, setup: &Setup) -> Self {
        Self {
            protocol: plan.protocol,
            plan,
            rounds,
            seconds: setup.duration.as_secs_f64(),
            idle_connections: setup.idle_connections,
            single_writes: setup.single_writes,
            measurements: Vec::new(),
            memory: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds a round's measurement.
    pub(crate) fn add(
        &mut self,
        case: &'static str,
        peer: Peer,
        round: usize,
        measurement: Measurement,
    ) {
        self.measurements.push(Row {
            case,
            peer,
            round,
            measurement,
        });
    }

    /// Adds a proxy's memory readings.
    pub(crate) fn add_memory(&mut self, peer: Peer, reading: MemoryReading) {
        self.memory.push(MemoryRow { peer, reading });
    }

    /// Adds, and loudly tells of, a measurement that went wrong.
    pub(crate) fn add_failure(&mut self, case: &'static str, peer: Peer, error: &anyhow::Error) {
        let error = format!("{error:#}");
        eprintln!("FAILED: {} {case}, {peer}: {error}", self.protocol);
        self.failures.push(Failure { case, peer, error });
    }

    /// How many measurements went wrong.
    pub(crate) fn failures(&self) -> usize {
        self.failures.len()
    }

    fn rows(&self, case: &str, peer: Peer) -> Vec<&Row> {
        let rows = self.measurements.iter();
        rows.filter(|row| row.case == case && row.peer == peer)
            .collect()
    }

    /// A case's table and ratios.
    pub(crate) fn print_case(&self, case: &Case) {
        println!("\n{} {}: {}", self.protocol, case.name, self.describe(case));
        let mut table = Table::new(&[
            "",
            "req/s",
            "p50 us",
            "p90 us",
            "p99 us",
            "p99.9 us",
            "CPU us/req",
            "busy %",
            "echo us/req",
            "peak MiB",
        ]);
        for &peer in self.plan.peers {
            let rows = self.rows(case.name, peer);
            let Some(median) = median_of(&rows) else {
                continue;
            };
            table.row(vec![
                peer.to_string(),
                format!("{:.0}", median.requests_per_second),
                format!("{:.0}", median.latency.p50),
                format!("{:.0}", median.latency.p90),
                format!("{:.0}", median.latency.p99),
                format!("{:.0}", median.latency.p999),
                optional(median.cpu.map(|cpu| format!("{cpu:.2}"))),
                optional(median.busy.map(|busy| format!("{:.0}", busy * 100.0))),
                format!("{:.2}", median.echo_cpu),
                optional(median.peak_memory.map(mib)),
            ]);
        }
        print!("{table}");
        for (ours, other) in targets::PAIRS {
            if let Some(ratio) = self.ratio(case.name, ours, other) {
                println!("  {}", self.ratio_line(case.name, ours, other, &ratio));
            }
        }
        self.print_failures(case.name);
        flush();
    }

    fn describe(&self, case: &Case) -> String {
        let load = match case.rate {
            Some(rate) => format!("{rate} calls a second over"),
            None => format!("{} in flight on each of", case.in_flight),
        };
        let writes = if self.single_writes {
            ", written one by one"
        } else {
            ""
        };
        format!(
            "{} bytes, {load} {} connections{writes}; medians of {} x {} s",
            case.body, case.connections, self.rounds, self.seconds
        )
    }

    fn ratio(&self, case: &str, ours: Peer, other: Peer) -> Option<Ratio> {
        ratio(&self.rows(case, ours), &self.rows(case, other))
    }

    fn ratio_line(&self, case: &str, ours: Peer, other: Peer, ratio: &Ratio) -> String {
        let target =
            targets::ratio(self.protocol, case, ours, other).map_or(String::new(), |bound| {
                let verdict = targets::verdict(ratio.median, bound);
                format!("  target {bound}  {verdict}")
            });
        let pair = format!("{ours}/{other}");
        format!(
            "CPU {pair:<19}{:.3} ({:.3}-{:.3}){target}",
            ratio.median, ratio.lowest, ratio.highest
        )
    }

    /// The memory table.
    pub(crate) fn print_memory(&self) {
        let connections = self.idle_connections;
        println!(
            "\n{} {MEMORY}: resident MiB; {connections} idle connections, then 1 MiB bodies",
            self.protocol
        );
        let mut table = Table::new(&[
            "",
            "started",
            "connected",
            "closed",
            "load peak",
            "after load",
            "per conn KiB",
        ]);
        for MemoryRow { peer, reading } in &self.memory {
            let (low, high) = (reading.started.resident, reading.connected.resident);
            let per_connection = (high as f64 - low as f64) / connections.max(1) as f64;
            table.row(vec![
                peer.to_string(),
                mib(reading.started.resident),
                mib(reading.connected.resident),
                mib(reading.closed.resident),
                mib(reading.loaded.peak),
                mib(reading.after.resident),
                format!("{per_connection:.2}"),
            ]);
        }
        print!("{table}");
        for MemoryRow { peer, reading } in &self.memory {
            if *peer == Peer::Ours {
                for (stage, memory, bound) in [
                    ("started", reading.started, targets::STARTED_MIB),
                    ("connected", reading.connected, targets::CONNECTED_MIB),
                ] {
                    let value = memory.resident as f64 / 1024.0;
                    let verdict = targets::verdict(value, bound);
                    println!("  {peer} {stage} {value:.1} MiB  target {bound} MiB  {verdict}");
                }
            }
        }
        self.print_failures(MEMORY);
        flush();
    }

    /// All ratios that have a target, once more and together.
    pub(crate) fn print_targets(&self) {
        let mut lines = Vec::new();
        for case in self.plan.cases {
            for (ours, other) in targets::PAIRS {
                let target = targets::ratio(self.protocol, case.name, ours, other);
                let ratio = target.and_then(|_| self.ratio(case.name, ours, other));
                if let Some(ratio) = ratio {
                    let line = self.ratio_line(case.name, ours, other, &ratio);
                    lines.push(format!("  {:<9}{line}", case.name));
                }
            }
        }
        if !lines.is_empty() {
            println!(
                "\n{} targets: CPU per request, median of the rounds (lowest-highest)",
                self.protocol
            );
            println!("{}", lines.join("\n"));
        }
        flush();
    }

    fn print_failures(&self, case: &str) {
        for failure in self.failures.iter().filter(|failure| failure.case == case) {
            println!("  FAILED: {}: {}", failure.peer, failure.error);
        }
    }

    /// Everything, with every round, the medians and the ratios.
    pub(crate) fn to_json(&self) -> Result<Value> {
        let mut medians = Vec::new();
        let mut ratios = Vec::new();
        for case in self.plan.cases {
            for &peer in self.plan.peers {
                if let Some(median) = median_of(&self.rows(case.name, peer)) {
                    medians.push(json!({"case": case.name, "peer": peer, "median": median}));
                }
            }
            for (ours, other) in targets::PAIRS {
                if let Some(ratio) = self.ratio(case.name, ours, other) {
                    let target = targets::ratio(self.protocol, case.name, ours, other);
                    ratios.push(json!({
                        "case": case.name, "ours": ours, "other": other,
                        "ratio": ratio, "target": target,
                    }));
                }
            }
        }
        let mut whole = serde_json::to_value(self)?;
        whole["medians"] = medians.into();
        whole["ratios"] = ratios.into();
        Ok(whole)
    }
}

fn optional(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

/// Shows each table at once also when the output goes to a file.
fn flush() {
    // A closed output ends the program at the next print.
    let _ = std::io::stdout().flush();
}
