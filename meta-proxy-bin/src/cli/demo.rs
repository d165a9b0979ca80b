//! `meta-proxy demo`: a canary release in one process, over real sockets.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use meta_core::{Address, Destination, MetadataMatcher, Route, Rule};
use meta_router::{ClusterConfig, RouteEntry, RouteTable};

use super::{Failure, address::AdminAddress, control_runtime, log, signals::Signals};
use crate::{
    builder::{Proxy, Workers},
    config::{ListenerConfig, Snapshot},
    handle::Running,
    registry::Registry,
};

mod client;
mod server;
mod summary;

use self::{client::Client, server::Server, summary::Summary};

/// The name of the listener and its statistics.
const NAME: &str = "demo";
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// What the client calls: the method, and how often it greets each of the names.
const CALLS: [(&str, usize); 3] = [("sayHello", 10), ("sayHelloBeta", 1), ("sayGoodbye", 1)];
const NAMES: [&str; 3] = ["Ada", "Grace", "Linus"];

#[derive(clap::Args)]
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
        let v1 = Server::start("v1").await?;
        let v2 = Server::start("v2").await?;
        let running = start_proxy([&v1, &v2], arguments.admin).await?;
        show(&running, [&v1, &v2])?;
        tokio::select! {
            called = call_all(&running) => called?,
            () = signals.next() => return Ok(()),
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
async fn start_proxy(servers: [&Server; 2], admin: AdminAddress) -> Result<Running, Failure> {
    let mut registry = Registry::new();
    registry.codec(codec_thrift::Thrift)?;
    let cluster = |server: &Server| {
        let endpoint = Address::Ip(server.address());
        ClusterConfig::new(server.version(), vec![endpoint])
    };
    let mut builder = Proxy::builder(registry)
        .snapshot(Snapshot {
            listeners: vec![ListenerConfig::new(NAME, "thrift", canary()?)],
            clusters: servers.map(cluster).into(),
        })
        .listener(NAME, std::net::TcpListener::bind("127.0.0.1:0")?)
        .workers(Workers::own(1));
    if let AdminAddress::At(address) = admin {
        builder = builder.admin(address);
    }
    Ok(builder.start().await?)
}

/// The beta method goes to v2, a tenth of the calls of its elder sister too, and
/// all else to v1.
fn canary() -> Result<RouteTable, Failure> {
    let method = |name: &str| vec![MetadataMatcher::new("method", Rule::Exact(name.into()))];
    let share = |cluster: &str, weight| Destination {
        cluster: cluster.into(),
        weight,
    };
    let mut split = Route::to_cluster("canary", "v1");
    split.destinations = vec![share("v1", 90), share("v2", 10)];
    let entries = vec![
        RouteEntry::new(method("sayHelloBeta"), Route::to_cluster("beta", "v2")),
        RouteEntry::new(method("sayHello"), split),
        RouteEntry::new(Vec::new(), Route::to_cluster("stable", "v1")),
    ];
    RouteTable::new(NAME, entries).map_err(|errors| anyhow!("{errors:?}").into())
}

fn show(running: &Running, servers: [&Server; 2]) -> io::Result<()> {
    for server in servers {
        let (version, address) = (server.version(), server.address());
        say(format_args!("server {version} on {address}"))?;
    }
    for (_, address) in running.handle().listeners() {
        say(format_args!("proxy on {address}"))?;
    }
    say("routes, the first that matches:")?;
    say("  method sayHelloBeta -> v2")?;
    say("  method sayHello     -> v1 90 %, v2 10 %")?;
    say("  any method          -> v1\n")
}

async fn call_all(running: &Running) -> Result<(), Failure> {
    let proxy = running
        .handle()
        .addr(NAME)
        .context("the proxy has an address")?;
    let mut client = Client::connect(&proxy).await?;
    let mut summary = Summary::default();
    for (method, rounds) in CALLS {
        for name in NAMES.iter().cycle().take(rounds * NAMES.len()) {
            let answer = client.call(method, name).await?;
            say(format_args!("{method}({name:?}) -> {}", answer.text))?;
            summary.add(&answer);
        }
    }
    say(format_args!("\n{summary}"))?;
    if let Some(address) = running.handle().admin_addr() {
        say(format_args!("admin on http://{address}"))?;
    }
    Ok(())
}

/// A line on standard output.
fn say(line: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
