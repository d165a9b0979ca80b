//! Collects the measurements and prints them as tables.

mod json;

use std::io::Write;

use serde::Serialize;

use super::cases::{Case, MEMORY, Plan};
use super::column::Column;
use super::measure::{Measurement, Setup};
use super::memory::MemoryReading;
use super::peer::Peer;
use super::stats::{Ratio, median_of, ratio};
use super::table::Table;
use super::targets;

/// All that a run of the suite found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(rename = "protocol")]
    name: &'static str,
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
    #[serde(flatten)]
    pub(crate) column: Column,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) measurement: Measurement,
}

#[derive(Debug, Serialize)]
struct MemoryRow {
    #[serde(flatten)]
    column: Column,
    #[serde(flatten)]
    reading: MemoryReading,
}

#[derive(Debug, Serialize)]
struct Failure {
    case: &'static str,
    #[serde(flatten)]
    column: Column,
    error: String,
}

impl Report {
    /// Nothing measured yet.
    pub(crate) fn new(plan: &'static Plan, rounds: usize, setup: &Setup) -> Self {
        Self {
            name: plan.name,
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
        column: Column,
        round: usize,
        measurement: Measurement,
    ) {
        self.measurements.push(Row {
            case,
            column,
            round,
            measurement,
        });
    }

    /// Adds a proxy's memory readings.
    pub(crate) fn add_memory(&mut self, column: Column, reading: MemoryReading) {
        self.memory.push(MemoryRow { column, reading });
    }

    /// Adds, and loudly tells of, a measurement that went wrong.
    pub(crate) fn add_failure(
        &mut self,
        case: &'static str,
        column: Column,
        error: &anyhow::Error,
    ) {
        let error = format!("{error:#}");
        eprintln!("FAILED: {} {case}, {column}: {error}", self.name);
        self.failures.push(Failure {
            case,
            column,
            error,
        });
    }

    /// What is run, on the command line.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// How many measurements went wrong.
    pub(crate) fn failures(&self) -> usize {
        self.failures.len()
    }

    fn rows(&self, case: &str, column: Column) -> Vec<&Row> {
        let rows = self.measurements.iter();
        rows.filter(|row| row.case == case && row.column == column)
            .collect()
    }

    /// A case's table and ratios.
    pub(crate) fn print_case(&self, case: &Case) {
        println!("\n{} {}: {}", self.name, case.name, self.describe(case));
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
        for &column in self.plan.columns {
            let rows = self.rows(case.name, column);
            let Some(median) = median_of(&rows) else {
                continue;
            };
            table.row(vec![
                column.to_string(),
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
        for (ours, other) in targets::pairs(self.plan.columns) {
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

    fn ratio(&self, case: &str, ours: Column, other: Column) -> Option<Ratio> {
        ratio(&self.rows(case, ours), &self.rows(case, other))
    }

    fn ratio_line(&self, case: &str, ours: Column, other: Column, ratio: &Ratio) -> String {
        let target = targets::ratio(self.plan, case, ours, other).map_or(String::new(), |bound| {
            let verdict = targets::verdict(ratio.median, bound);
            format!("  target {bound}  {verdict}")
        });
        let pair = format!("{ours}/{other}");
        let columns = self
            .plan
            .columns
            .iter()
            .map(|column| column.to_string().len());
        let width = 2 * columns.max().unwrap_or(0) + 2;
        format!(
            "CPU {pair:<width$}{:.3} ({:.3}-{:.3}){target}",
            ratio.median, ratio.lowest, ratio.highest
        )
    }

    /// The memory table.
    pub(crate) fn print_memory(&self) {
        let connections = self.idle_connections;
        println!(
            "\n{} {MEMORY}: resident MiB; {connections} idle connections, then 1 MiB bodies",
            self.name
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
        for MemoryRow { column, reading } in &self.memory {
            let (low, high) = (reading.started.resident, reading.connected.resident);
            let per_connection = (high as f64 - low as f64) / connections.max(1) as f64;
            table.row(vec![
                column.to_string(),
                mib(reading.started.resident),
                mib(reading.connected.resident),
                mib(reading.closed.resident),
                mib(reading.loaded.peak),
                mib(reading.after.resident),
                format!("{per_connection:.2}"),
            ]);
        }
        print!("{table}");
        for MemoryRow { column, reading } in &self.memory {
            if column.peer == Peer::Ours && !self.plan.tls {
                for (stage, memory, bound) in [
                    ("started", reading.started, targets::STARTED_MIB),
                    ("connected", reading.connected, targets::CONNECTED_MIB),
                ] {
                    let value = memory.resident as f64 / 1024.0;
                    let verdict = targets::verdict(value, bound);
                    println!("  {column} {stage} {value:.1} MiB  target {bound} MiB  {verdict}");
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
            for (ours, other) in targets::pairs(self.plan.columns) {
                let target = targets::ratio(self.plan, case.name, ours, other);
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
                self.name
            );
            println!("{}", lines.join("\n"));
        }
        flush();
    }

    fn print_failures(&self, case: &str) {
        for failure in self.failures.iter().filter(|failure| failure.case == case) {
            println!("  FAILED: {}: {}", failure.column, failure.error);
        }
    }
}

fn optional(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

/// Shows each table at once also when the output goes to a file.
pub(crate) fn flush() {
    // A closed output ends the program at the next print.
    let _ = std::io::stdout().flush();
}
