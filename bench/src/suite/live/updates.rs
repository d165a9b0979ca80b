//! Updates under load: what clients notice of routes that change all the time.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::config::{self, MARKED, PLAIN, Place};
use super::control::{ControlPlane, Log};
use super::figures::Figures;
use super::form::Form;
use super::observed::{self, Push};
use super::routes;
use crate::load::{self, LoadResult, LoadSpec};
use crate::procfs;
use crate::protocol;
use crate::suite::measure::Setup;
use crate::suite::peer::Peer;
use crate::suite::process::{Server, free_address};

/// Updates at a fixed rate, under calls at a fixed rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpdatesCase {
    pub(super) name: &'static str,
    /// Routes in the table; calls take the last, whose target each update changes. None:
    /// a single one, which looks at nothing.
    pub(super) routes: usize,
    /// Calls per second.
    pub(super) rate: f64,
    pub(super) pushes: usize,
    /// The time between two updates.
    pub(super) every: Duration,
    pub(super) peers: &'static [Peer],
}

const TABLE: &str = "bench";
const CONNECTIONS: usize = 32;
const BODY: usize = 128;
/// How long the last update may take.
const LAST: Duration = Duration::from_secs(1);

impl UpdatesCase {
    /// How long all of them take.
    fn length(&self) -> Duration {
        self.every * self.pushes as u32
    }
}

/// Measures a quiet time, and one of the same length with the updates.
pub(super) fn measure(case: &UpdatesCase, peer: Peer, setup: &Setup) -> Result<Figures> {
    let protocol = protocol::by_name("thrift", None)?;
    let plain = Server::echo(protocol, None, setup.echo_cpu, &setup.work_dir)?;
    let marked = Server::marked_echo(protocol, setup.echo_cpu, &setup.work_dir)?;
    let form = Form::of(peer)?;
    let methods = routes::methods(case.routes, protocol.method());
    let [to_plain, to_marked] =
        [PLAIN, MARKED].map(|cluster| routes::one(form, TABLE, &methods, cluster));
    let control = ControlPlane::start()?;
    control.publish(to_plain.clone());
    let address = free_address()?;
    let place = Place {
        address,
        table: TABLE.to_owned(),
    };
    let servers = [plain.address(), marked.address()];
    let command = config::command(peer, &[place], control.address(), servers, setup)?;
    let (cpu, directory) = (setup.proxy_cpu, &setup.work_dir);
    let proxy = Server::listening(command, address, peer, cpu, directory)
        .with_context(|| format!("starting {peer}"))?;

    let length = case.length();
    let spec = LoadSpec {
        target: address,
        tls: None,
        connections: CONNECTIONS,
        in_flight: 1,
        body: BODY,
        single_writes: false,
        rate: Some(case.rate),
        warm_up: setup.warm_up,
        duration: length * 2 + LAST,
        count: None,
        two_servers: true,
    };
    let loading = thread::spawn(move || load::run(&spec, protocol, || Ok(())));
    let mut timeline = Timeline {
        pid: proxy.pid(),
        pushes: Vec::with_capacity(case.pushes),
        marks: Vec::new(),
    };
    thread::sleep(setup.warm_up);
    timeline.mark()?;
    thread::sleep(length);
    timeline.mark()?;
    let start = Instant::now();
    for index in 0..case.pushes {
        let due = start + case.every * index as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if loading.is_finished() {
            break;
        }
        if index == case.pushes / 2 {
            timeline.mark()?;
        }
        let is_marked = index % 2 == 0;
        let resources = if is_marked { &to_marked } else { &to_plain };
        let at = Instant::now();
        let version = control.publish(Arc::clone(resources));
        timeline.pushes.push((version, at, is_marked));
    }
    thread::sleep((start + length).saturating_duration_since(Instant::now()));
    timeline.mark()?;
    let load = loading
        .join()
        .map_err(|_| anyhow!("the load generator panicked"))??;
    let log = control.settle()?;
    timeline.figures(case, &load, &log)
}

/// What happened when.
struct Timeline {
    pid: u32,
    /// Versions, when they were published, and whether they lead to the marked server.
    pushes: Vec<(u64, Instant, bool)>,
    /// At the beginning of the quiet time, at its end, in the middle of the updates and
    /// at their end.
    marks: Vec<Mark>,
}

struct Mark {
    at: Instant,
    cpu: Duration,
    resident_kib: u64,
}

impl Timeline {
    fn mark(&mut self) -> Result<()> {
        self.marks.push(Mark {
            cpu: procfs::cpu_time(self.pid)?,
            resident_kib: procfs::memory(self.pid)?.resident,
            at: Instant::now(),
        });
        Ok(())
    }

    fn figures(&self, case: &UpdatesCase, load: &LoadResult, log: &Log) -> Result<Figures> {
        let pushes = self.pushes.iter().map(|&(version, at, to_marked)| {
            let time = |list: &[(u64, Instant)]| {
                let found = list.iter().find(|(number, _)| *number == version);
                found.map(|(_, at)| *at)
            };
            Push {
                at,
                sent: time(&log.sent),
                accepted: time(&log.accepted),
                to_marked,
            }
        });
        let pushes: Vec<_> = pushes.collect();
        let answers = &load.answers;
        let effects = observed::effects(answers, &pushes)?;
        let [quiet, before, middle, after] = &self.marks[..] else {
            return Err(anyhow!("the updates were cut short"));
        };
        let from_push = observed::summary(&effects.from_push);
        let from_send = observed::summary(&effects.from_send);
        let gap = |from: &Mark, to: &Mark| {
            observed::longest_gap(answers, from.at, to.at).as_secs_f64() * 1e3
        };
        let (quiet_gap, updates_gap) = (gap(quiet, before), gap(before, after));
        let p999 = |from: &Mark, to: &Mark| observed::latency(answers, from.at, to.at).p999 / 1e3;
        let cpu = |from: &Mark, to: &Mark| (to.cpu - from.cpu).as_secs_f64() * 1e3;
        let per_update = (cpu(before, after) - cpu(quiet, before)) / case.pushes as f64;
        let mib = |mark: &Mark| mark.resident_kib as f64 / 1024.0;
        ensure!(
            effects.from_push.len() + effects.overtaken == case.pushes,
            "the updates were cut short"
        );
        let mut figures = Figures::default();
        figures.add("answers", answers.len() as f64);
        figures.add("responses accepted", log.accepted.len() as f64);
        figures.add("updates in force", effects.from_push.len() as f64);
        figures.add("updates overtaken", effects.overtaken as f64);
        figures.add("push to effect ms, median", from_push.p50 / 1e3);
        figures.add("push to effect ms, p99", from_push.p99 / 1e3);
        figures.add("sent to effect ms, median", from_send.p50 / 1e3);
        figures.add("sent to effect ms, p99", from_send.p99 / 1e3);
        figures.add("longest gap ms, quiet", quiet_gap);
        figures.add("longest gap ms, updates", updates_gap);
        figures.add("longest gap ms, beyond quiet", updates_gap - quiet_gap);
        figures.add("p99.9 latency ms, quiet", p999(quiet, before));
        figures.add("p99.9 latency ms, updates", p999(before, after));
        if case.routes > 0 {
            // Of a small table, it is lost in the noise of that of calls.
            figures.add("CPU ms an update", per_update);
        }
        figures.add("resident MiB, before", mib(before));
        figures.add("resident MiB, middle", mib(middle));
        figures.add("resident MiB, after", mib(after));
        Ok(figures)
    }
}
