//! Many listeners that get their routes over one stream.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::config::{self, MARKED, PLAIN, Place};
use super::control::ControlPlane;
use super::figures::Figures;
use super::form::Form;
use super::routes;
use crate::net::{Fill, Inbox};
use crate::pattern::Pattern;
use crate::procfs;
use crate::protocol::{self, Protocol};
use crate::suite::measure::Setup;
use crate::suite::peer::Peer;
use crate::suite::process::{Server, free_address};

/// Name of the case.
pub(super) const NAME: &str = "listeners-1k";
const LISTENERS: usize = 1_000;
const BODY: usize = 128;
/// How many call at a time: each call may take a new connection to the echo server,
/// which has room for so many to wait.
const BATCH: usize = 50;
/// How long a listener may take to open, and a call to be answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures how long all take to serve by their first routes, and to follow others.
pub(super) fn measure(peer: Peer, setup: &Setup) -> Result<Figures> {
    let protocol = protocol::by_name("thrift", None)?;
    let plain = Server::echo(protocol, None, setup.echo_cpu, &setup.work_dir)?;
    let marked = Server::marked_echo(protocol, setup.echo_cpu, &setup.work_dir)?;
    let control = ControlPlane::start()?;
    let places = places()?;
    let form = Form::of(peer)?;
    let tables = |cluster| {
        let tables = places.iter().map(|place| {
            let table = routes::table(form, &place.table, &[], cluster);
            (place.table.clone(), table)
        });
        Arc::new(tables.collect::<HashMap<_, _>>())
    };
    let (to_plain, to_marked) = (tables(PLAIN), tables(MARKED));
    let servers = [plain.address(), marked.address()];
    let command = config::command(peer, &places, control.address(), servers, setup)?;
    let (cpu, directory) = (setup.proxy_cpu, &setup.work_dir);
    let first = places.first().context("no listeners")?.address;
    let proxy = Server::starting(command, first, peer, cpu, directory)?;
    // What a proxy does before it asks is not measured.
    control.wait_for_names(LISTENERS)?;

    let start = Instant::now();
    control.publish(to_plain);
    let mut callers = Vec::with_capacity(LISTENERS);
    let pattern = Pattern::new(protocol.argument_len(BODY)?);
    for (index, place) in places.iter().enumerate() {
        let stream = connect(place.address).with_context(|| format!("listener {index}"))?;
        callers.push(Caller {
            stream,
            index,
            calls: 0,
        });
    }
    let (opened, rounds) = (start.elapsed(), Rounds { protocol, pattern });
    rounds.until_all(&mut callers, false)?;
    let served = start.elapsed();

    let start = Instant::now();
    control.publish(to_marked);
    let first = rounds.until_all(&mut callers, true)?;
    let (first, all) = (first.saturating_duration_since(start), start.elapsed());
    let log = control.settle()?;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let mut figures = Figures::default();
    figures.add("first routes: listeners open ms", millis(opened));
    figures.add("first routes: all have answered ms", millis(served));
    figures.add("update: first answer by it ms", millis(first));
    figures.add("update: all have answered by it ms", millis(all));
    figures.add("responses", log.sent.len() as f64);
    let memory = procfs::memory(proxy.pid())?;
    figures.add("resident MiB", memory.resident as f64 / 1024.0);
    Ok(figures)
}

/// Addresses of the loopback network, all with one port.
fn places() -> Result<Vec<Place>> {
    let port = free_address()?.port();
    let place = |number: usize| {
        let [.., high, low] = (number + 256).to_be_bytes();
        let address = Ipv4Addr::new(127, 77, high, low);
        Place {
            address: SocketAddr::new(IpAddr::V4(address), port),
            table: format!("table-{number:04}"),
        }
    };
    Ok((0..LISTENERS).map(place).collect())
}

/// Connects as soon as it is let.
fn connect(address: SocketAddr) -> Result<TcpStream> {
    let start = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// A client of one listener.
struct Caller {
    stream: TcpStream,
    index: usize,
    calls: u64,
}

struct Rounds {
    protocol: &'static dyn Protocol,
    pattern: Pattern,
}

impl Rounds {
    /// Has each caller call until the wanted server has answered it; when the first was.
    fn until_all(&self, callers: &mut [Caller], marked: bool) -> Result<Instant> {
        let start = Instant::now();
        let mut first = None;
        let mut waiting: Vec<_> = callers.iter_mut().collect();
        while !waiting.is_empty() {
            ensure!(
                start.elapsed() < PATIENCE,
                "{} listeners do not follow",
                waiting.len()
            );
            let mut rest = Vec::new();
            while !waiting.is_empty() {
                let batch = waiting.split_off(waiting.len().saturating_sub(BATCH));
                rest.extend(self.batch(batch, marked, &mut first)?);
            }
            waiting = rest;
        }
        first.context("nobody to call")
    }

    /// Has each call once; returns those whom the wanted server has not answered.
    fn batch<'a>(
        &self,
        mut callers: Vec<&'a mut Caller>,
        marked: bool,
        first: &mut Option<Instant>,
    ) -> Result<Vec<&'a mut Caller>> {
        for caller in &mut callers {
            self.call(caller)?;
        }
        let mut rest = Vec::new();
        for caller in callers {
            if self.reply_is_marked(caller)? == marked {
                first.get_or_insert_with(Instant::now);
            } else {
                rest.push(caller);
            }
        }
        Ok(rest)
    }

    fn call(&self, caller: &mut Caller) -> Result<()> {
        caller.calls += 1;
        let id = self.protocol.call_id(caller.calls);
        let mut request = Vec::new();
        let body = self.pattern.body(caller.index, id);
        self.protocol.write_request(id, &body, &mut request);
        caller.stream.write_all(&request)?;
        Ok(())
    }

    fn reply_is_marked(&self, caller: &mut Caller) -> Result<bool> {
        let mut inbox = Inbox::default();
        let len = loop {
            let before = inbox.data().len();
            let fill = inbox.fill(&mut caller.stream)?;
            let index = caller.index;
            ensure!(fill != Fill::Closed, "listener {index} closed a connection");
            let read = inbox.data().len() - before;
            ensure!(read > 0, "listener {index} did not answer");
            if let Some(len) = inbox.frame(self.protocol)? {
                break len;
            }
        };
        ensure!(len == inbox.data().len(), "more bytes than one reply");
        let reply = self.protocol.read_reply(inbox.data())?;
        let id = self.protocol.call_id(caller.calls);
        ensure!(reply.id == id, "a reply to another call");
        let body = || self.pattern.body(caller.index, id);
        match (
            body().matches(reply.body),
            body().marked().matches(reply.body),
        ) {
            (true, _) => Ok(false),
            (_, true) => Ok(true),
            _ => bail!("a wrong reply"),
        }
    }
}
