//! `meta-proxy demo`: canary releases and a live update in one process, over real
//! sockets.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use meta_core::{Address, Destination, Route};
use meta_router::{ClusterConfig, RouteTable};

use super::{Failure, address::AdminAddress, control_runtime, log, signals::Signals};
use crate::{
    builder::{Proxy, Workers},
    config::{ListenerConfig, Snapshot},
    handle::{Handle, Running},
    registry::Registry,
};

mod client;
mod dubbo;
mod live;
mod protocol;
mod server;
mod summary;
mod thrift;

use self::{
    client::Client,
    dubbo::Dubbo,
    live::ControlPlane,
    protocol::{Protocol, Side, cluster},
    server::Server,
    summary::Summary,
    thrift::Thrift,
};

const DRAIN_TIME: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
// What goes well stands in the output.
#[command(mut_arg("log_level", |level| level.default_value("warn")))]
pub(super) struct DemoArguments {
    /// Stay up when all calls are made, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Where the admin pages are: IP:PORT, or `off`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    admin: AdminAddress,
    #[command(flatten)]
    log: log::LogArguments,
}

/// Runs to its end.
pub(super) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    arguments.log.init();
    control_runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let dubbo = Side::start(Dubbo).await?;
        let thrift = Side::start(Thrift).await?;
        let control = ControlPlane::start::<Dubbo>().await?;
        let running = start_proxy(&dubbo, &thrift, &control, arguments.admin).await?;
        let handle = running.handle();
        tokio::select! {
            called = async {
                call_all(handle, &dubbo).await?;
                call_all(handle, &thrift).await?;
                let proxy = handle.addr(live::NAME).context("the proxy has an address")?;
                control.release(Dubbo, &proxy).await
            } => called?,
            () = signals.next(running.handle()) => return Ok(()),
        }
        if let Some(address) = handle.admin_addr() {
            say(format_args!("admin on http://{address}"))?;
        }
        match arguments.keep {
            true => {
                say("up until Ctrl-C")?;
                signals.watch(&running, DRAIN_TIME).await
            }
            false => {
                say("done; with --keep all of this stays up")?;
                running.handle().drain(DRAIN_TIME).await;
                Ok(())
            }
        }
    })
}

/// A proxy as any program may embed one.
async fn start_proxy(
    dubbo: &Side<Dubbo>,
    thrift: &Side<Thrift>,
    control: &ControlPlane,
    admin: AdminAddress,
) -> Result<Running, Failure> {
    let mut registry = Registry::new();
    registry.codec(codec_dubbo::Dubbo)?;
    registry.codec(codec_thrift::Thrift)?;
    let clusters = clusters(dubbo).into_iter().chain(clusters(thrift));
    let live = control.listener::<Dubbo>()?;
    let mut builder = Proxy::builder(registry)
        .snapshot(Snapshot {
            listeners: vec![listener(Dubbo)?, listener(Thrift)?, live],
            clusters: clusters.collect(),
        })
        .listener(Dubbo::NAME, std::net::TcpListener::bind("127.0.0.1:0")?)
        .listener(Thrift::NAME, std::net::TcpListener::bind("127.0.0.1:0")?)
        .listener(live::NAME, std::net::TcpListener::bind("127.0.0.1:0")?)
        .workers(Workers::own(1));
    if let AdminAddress::At(address) = admin {
        builder = builder.admin(address);
    }
    Ok(builder.start().await?)
}

fn listener<P: Protocol>(protocol: P) -> Result<ListenerConfig, Failure> {
    let table = RouteTable::new(P::NAME, protocol.routes());
    let table = table.map_err(|errors| anyhow!("{errors:?}"))?;
    Ok(ListenerConfig::new(P::NAME, P::NAME, table))
}

fn clusters<P: Protocol>(side: &Side<P>) -> Vec<ClusterConfig> {
    let cluster = |server: &Server| {
        let endpoint = Address::Ip(server.address());
        ClusterConfig::new(cluster::<P>(server.version()), vec![endpoint])
    };
    side.servers.iter().map(cluster).collect()
}

/// A route that gives a tenth of the calls to v2, and the rest to v1.
fn split<P: Protocol>() -> Route {
    let share = |version, weight| Destination {
        cluster: cluster::<P>(version).into(),
        weight,
    };
    let mut split = Route::to_cluster("split", cluster::<P>("v1"));
    split.destinations = vec![share("v1", 90), share("v2", 10)];
    split
}

/// Shows one protocol: servers, routes, calls and what came of them.
async fn call_all<P: Protocol>(handle: &Handle, side: &Side<P>) -> anyhow::Result<()> {
    let proxy = handle.addr(P::NAME).context("the proxy has an address")?;
    for server in &side.servers {
        let (version, address) = (server.version(), server.address());
        say(format_args!("{} server {version} on {address}", P::NAME))?;
    }
    say(format_args!("{} proxy on {proxy}", P::NAME))?;
    say("routes, the first that matches:")?;
    for route in P::ROUTES {
        say(format_args!("  {route}"))?;
    }
    say("")?;
    let mut client = Client::connect(side.protocol, &proxy).await?;
    let mut summary = Summary::default();
    for call in side.protocol.calls() {
        let answer = client.call(&call).await?;
        say(format_args!("{call} -> {}", answer.text))?;
        summary.add(&answer);
    }
    Ok(say(format_args!("\n{}: {summary}\n", P::NAME))?)
}

/// A line on standard output.
fn say(line: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
