//! Live routes: a control plane in this process changes where calls go while they are
//! under way.

mod config;
mod control;
mod figures;
mod form;
mod listeners;
mod observed;
mod routes;
mod updates;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use self::figures::{Figures, Row};
use self::updates::UpdatesCase;
use super::measure::Setup;
use super::peer::Peer;

/// What it is called on the command line.
pub(super) const NAME: &str = "live-routes";
/// Who has live routes.
pub(super) const PEERS: [Peer; 2] = [Peer::Ours, Peer::Envoy];

const UPDATES: [UpdatesCase; 3] = [
    UpdatesCase {
        name: "updates",
        routes: 0,
        rate: 10_000.0,
        pushes: 1_000,
        every: Duration::from_millis(20),
        peers: &PEERS,
    },
    // Envoy looks at one route after the other: under more calls than these it would
    // have time for nothing else.
    UpdatesCase {
        name: "routes-10k",
        routes: 10_000,
        rate: 1_000.0,
        pushes: 50,
        every: Duration::from_millis(200),
        peers: &PEERS,
    },
    UpdatesCase {
        name: "routes-10k-busy",
        routes: 10_000,
        rate: 10_000.0,
        pushes: 50,
        every: Duration::from_millis(200),
        peers: &[Peer::Ours],
    },
];

/// The names that `--only` takes.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let updates = UPDATES.iter().map(|case| case.name);
    updates.chain([listeners::NAME])
}

/// All that was found out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(rename = "protocol")]
    name: &'static str,
    rounds: usize,
    measurements: Vec<Row>,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    case: &'static str,
    peer: Peer,
    error: String,
}

/// What is run, and how.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) setup: &'a Setup,
    pub(super) peers: Vec<Peer>,
    pub(super) rounds: usize,
    /// Fewer updates.
    pub(super) is_quick: bool,
}

impl Report {
    /// Runs the cases that `selects` names, and prints their tables.
    pub(super) fn run(choice: &Choice<'_>, selects: impl Fn(&str) -> bool) -> Self {
        let mut report = Self {
            name: NAME,
            rounds: choice.rounds,
            measurements: Vec::new(),
            failures: Vec::new(),
        };
        for mut case in UPDATES.into_iter().filter(|case| selects(case.name)) {
            if choice.is_quick {
                case.pushes /= 5;
            }
            report.run_case(case.name, case.peers, choice, |peer| {
                updates::measure(&case, peer, choice.setup)
            });
            let describe = format!(
                "{} updates, one every {} ms, of a table of {}; {} calls a second",
                case.pushes,
                case.every.as_millis(),
                match case.routes {
                    0 => "one route".to_owned(),
                    count => format!("{count} routes"),
                },
                case.rate,
            );
            report.print(case.name, &describe);
        }
        if selects(listeners::NAME) {
            report.run_case(listeners::NAME, &PEERS, choice, |peer| {
                listeners::measure(peer, choice.setup)
            });
            report.print(
                listeners::NAME,
                "1000 listeners, each with a table of its own",
            );
        }
        report
    }

    fn run_case(
        &mut self,
        case: &'static str,
        peers: &[Peer],
        choice: &Choice<'_>,
        measure: impl Fn(Peer) -> Result<Figures>,
    ) {
        for round in 1..=choice.rounds {
            for &peer in peers.iter().filter(|peer| choice.peers.contains(peer)) {
                eprintln!("{NAME} {case} round {round} of {}: {peer}", choice.rounds);
                match measure(peer) {
                    Ok(figures) => self.measurements.push(Row {
                        case,
                        peer,
                        round,
                        figures,
                    }),
                    Err(error) => {
                        let error = format!("{error:#}");
                        eprintln!("FAILED: {NAME} {case}, {peer}: {error}");
                        self.failures.push(Failure { case, peer, error });
                    }
                }
            }
        }
    }

    fn print(&self, case: &'static str, describe: &str) {
        println!("\n{NAME} {case}: {describe}; medians of {}", self.rounds);
        print!("{}", figures::table(case, &self.measurements));
        for failure in self.failures.iter().filter(|failure| failure.case == case) {
            println!("  FAILED: {}: {}", failure.peer, failure.error);
        }
        super::report::flush();
    }

    /// How many measurements went wrong.
    pub(super) fn failures(&self) -> usize {
        self.failures.len()
    }
}
