//! The loop that drives all connections of a run through warm-up, the
//! measured window, and the wait for the last replies.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::client::{Answer, Client};
use super::latency::Samples;
use super::{LoadResult, LoadSpec};
use crate::pattern::Pattern;
use crate::protocol::Protocol;
use crate::sys;

/// The run fails when no reply comes for this long.
const STALL: Duration = Duration::from_secs(10);
/// How long to wait for events at most before looking at the clock.
const TICK: Duration = Duration::from_millis(5);
/// The timer of a fixed rate is not set finer than this.
const FINEST_TIMER: Duration = Duration::from_micros(50);
const TIMER: Token = Token(usize::MAX);

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Under load, not yet measured.
    WarmUp { until: Instant },
    /// Replies and latencies count.
    Measure { since: Instant },
    /// No more calls are made; the last replies are waited for.
    Drain { since: Instant, end: Instant },
}

/// Makes the load that `spec` asks for, calling `mark` at both ends of the
/// measured window. Any reply that is wrong, missing or too many is an error.
pub(crate) fn run(
    spec: &LoadSpec,
    protocol: &'static dyn Protocol,
    mut mark: impl FnMut() -> Result<()>,
) -> Result<LoadResult> {
    let mut engine = Engine::new(spec, protocol)?;
    engine.begin()?;
    loop {
        let now = Instant::now();
        match engine.phase {
            Phase::WarmUp { until } if now >= until => {
                mark()?;
                let since = Instant::now();
                engine.phase = Phase::Measure { since };
            }
            Phase::Measure { since } if engine.measured_enough(since, now) => {
                engine.phase = Phase::Drain { since, end: now };
                mark()?;
            }
            Phase::Drain { since, end } if engine.is_idle() => {
                return Ok(LoadResult {
                    requests: engine.replies,
                    seconds: (end - since).as_secs_f64(),
                    latency: engine.samples.summary(),
                    answers: engine.kept,
                });
            }
            _ => {}
        }
        engine.turn()?;
    }
}

struct Engine<'a> {
    spec: &'a LoadSpec,
    protocol: &'static dyn Protocol,
    pattern: Pattern,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    pacer: Option<Pacer>,
    phase: Phase,
    /// Replies received in the measured window.
    replies: u64,
    samples: Samples,
    answers: Vec<Answer>,
    /// All that there were, where there are two servers.
    kept: Vec<Answer>,
    last_reply: Instant,
}

impl<'a> Engine<'a> {
    fn new(spec: &'a LoadSpec, protocol: &'static dyn Protocol) -> Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(spec.connections);
        for index in 0..spec.connections {
            let mut client = Client::connect(spec.target, spec.tls.as_ref(), index)?;
            poll.registry().register(
                &mut client.stream.socket,
                Token(index),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            clients.push(client);
        }
        let pacer = spec.rate.map(|rate| Pacer::new(rate, &poll)).transpose()?;
        let now = Instant::now();
        // So that it does not grow in the middle of a measurement.
        let room = match (spec.two_servers, spec.rate) {
            (true, Some(rate)) => (rate * (spec.warm_up + spec.duration).as_secs_f64()) as usize,
            _ => 0,
        };
        Ok(Self {
            spec,
            protocol,
            pattern: Pattern::new(protocol.argument_len(spec.body)?),
            poll,
            events: Events::with_capacity(1_024),
            clients,
            pacer,
            phase: Phase::WarmUp {
                until: now + spec.warm_up,
            },
            replies: 0,
            samples: Samples::new(),
            answers: Vec::new(),
            kept: Vec::with_capacity(room),
            last_reply: now,
        })
    }

    /// Fills every connection, unless a pacer says when to call.
    fn begin(&mut self) -> Result<()> {
        if self.pacer.is_some() {
            return Ok(());
        }
        for client in &mut self.clients {
            for _ in 0..self.spec.in_flight {
                client.call(self.protocol, &self.pattern, Instant::now());
            }
            client.flush()?;
        }
        Ok(())
    }

    fn measured_enough(&self, since: Instant, now: Instant) -> bool {
        now - since >= self.spec.duration || self.spec.count.is_some_and(|n| self.replies >= n)
    }

    fn is_idle(&self) -> bool {
        self.clients.iter().all(|client| client.in_flight() == 0)
    }

    /// Makes the calls that are due, waits for events, and serves them.
    fn turn(&mut self) -> Result<()> {
        self.keep_pace()?;
        match self.poll.poll(&mut self.events, Some(TICK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            if event.token() == TIMER {
                if let Some(pacer) = &mut self.pacer {
                    pacer.acknowledge();
                }
                continue;
            }
            let client = &mut self.clients[event.token().0];
            if event.is_readable() || event.is_read_closed() {
                let closed = client.receive(self.protocol, &self.pattern, &mut self.answers)?;
                let again = self.pacer.is_none() && !matches!(self.phase, Phase::Drain { .. });
                for answer in self.answers.drain(..) {
                    self.last_reply = answer.at;
                    if self.spec.two_servers {
                        self.kept.push(answer);
                    } else {
                        ensure!(!answer.is_marked, "a reply of another server");
                    }
                    self.replies += u64::from(matches!(self.phase, Phase::Measure { .. }));
                    if is_measured(self.phase, answer.since) {
                        self.samples.record(answer.at - answer.since);
                    }
                    if again {
                        client.call(self.protocol, &self.pattern, answer.at);
                        if self.spec.single_writes {
                            client.flush()?;
                        }
                    }
                }
                if closed || event.is_read_closed() {
                    bail!(
                        "connection {} was closed with {} calls in flight",
                        event.token().0,
                        client.in_flight()
                    );
                }
            }
            client.flush()?;
        }
        if self.last_reply.elapsed() > STALL {
            let waiting: usize = self.clients.iter().map(Client::in_flight).sum();
            bail!("no reply for {STALL:?} with {waiting} calls in flight");
        }
        Ok(())
    }

    /// Makes every call whose time has come, whether or not earlier ones were
    /// answered, and counts its latency from the time it was due.
    fn keep_pace(&mut self) -> Result<()> {
        let Some(pacer) = &mut self.pacer else {
            return Ok(());
        };
        if matches!(self.phase, Phase::Drain { .. }) {
            return Ok(());
        }
        let now = Instant::now();
        while let Some((count, due)) = pacer.next_due(now) {
            let index = count as usize % self.clients.len();
            let client = &mut self.clients[index];
            client.call(self.protocol, &self.pattern, due);
            client.flush()?;
        }
        Ok(())
    }
}

/// Latency is that of calls begun in the window, even if they end after it.
fn is_measured(phase: Phase, since: Instant) -> bool {
    match phase {
        Phase::WarmUp { .. } => false,
        Phase::Measure { since: start } => since >= start,
        Phase::Drain { since: start, end } => since >= start && since < end,
    }
}

/// Says when calls of a fixed rate are due.
struct Pacer {
    rate: f64,
    start: Instant,
    made: u64,
    timer: File,
}

impl Pacer {
    fn new(rate: f64, poll: &Poll) -> Result<Self> {
        let period = Duration::try_from_secs_f64(1.0 / rate).context("no such rate")?;
        let timer = sys::interval_timer(period.max(FINEST_TIMER))?;
        poll.registry()
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self {
            rate,
            start: Instant::now(),
            made: 0,
            timer,
        })
    }

    fn next_due(&mut self, now: Instant) -> Option<(u64, Instant)> {
        let due = self.start + Duration::from_secs_f64(self.made as f64 / self.rate);
        if due > now {
            return None;
        }
        self.made += 1;
        Some((self.made, due))
    }

    /// Empties the timer so that it stays quiet until it next expires.
    fn acknowledge(&mut self) {
        // Nothing to read means that it has not expired: just as well.
        let _ = self.timer.read(&mut [0; 8]);
    }
}
