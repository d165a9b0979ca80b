//! `meta-proxy quick`: a proxy without a configuration file.

use std::{
    io::{self, Write as _},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::anyhow;
use meta_codec::Heartbeat;
use meta_core::{Address, Route, Sharing};
use meta_filters::access_log::{AccessLogConfig, LogTarget};
use meta_router::{
    ClusterConfig, DnsConfig, DnsHost, Endpoints, LookupFamily, RouteEntry, RouteTable,
};
use serde_json::Value;

use super::{
    Failure, Options,
    address::{AdminAddress, Upstream, parse_address, parse_upstream},
    control_runtime, log,
    signals::Signals,
};
use crate::{
    builder::{Proxy, ProxyBuilder, Workers},
    config::{ExtensionConfig, FilterChainConfig, ListenerConfig, Snapshot},
    error::StartError,
    handle::Handle,
    registry::{LookupError, Registry},
    sys,
};

mod print;

/// The name of the only listener, its statistics, route and cluster.
const NAME: &str = "quick";

#[derive(clap::Args)]
pub(super) struct QuickArguments {
    /// The protocol: the name of a codec, or the last part of it, such as `thrift`.
    #[arg(long, value_name = "NAME")]
    protocol: String,
    /// Where clients connect: IP:PORT or unix:PATH. Port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    listen: Address,
    /// The servers, comma-separated: IP:PORT, HOST:PORT or unix:PATH. Host names are
    /// resolved every 5 seconds, and all their addresses are used.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_upstream)]
    #[arg(required = true, value_delimiter = ',')]
    upstream: Vec<Upstream>,
    /// Let requests of all clients share connections to the servers, whatever is
    /// usual for the protocol.
    #[arg(long)]
    multiplexing: bool,
    /// Give each request a connection to itself while it lasts, whatever is usual
    /// for the protocol.
    #[arg(long, conflicts_with = "multiplexing")]
    exclusive: bool,
    /// Shared connections to one server that each worker may have when one is not
    /// enough. Default: 4.
    #[arg(long, value_name = "N")]
    shared_connections: Option<NonZeroUsize>,
    /// Silence on a shared connection after which a heartbeat is sent, in
    /// milliseconds, where the protocol has them; 0 for none. After 3 without an
    /// answer the connection is given up.
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    heartbeat_ms: u64,
    /// Worker threads. Default: as many as there are CPUs for the process.
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
    /// Bind each worker thread to a CPU.
    #[arg(long)]
    pin: bool,
    /// What the codec is told.
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    codec_config: Option<Value>,
    /// Write a line for each request to this file; `-` for the standard output.
    /// Opened anew at SIGUSR1.
    #[arg(long, value_name = "PATH")]
    access_log: Option<PathBuf>,
    /// What the lines say, in Envoy's operators, such as `%OPERATION% %DURATION%`.
    #[arg(long, value_name = "FORMAT", requires = "access_log")]
    access_log_format: Option<String>,
    /// Print a bootstrap file that says the same, for `run`, and end.
    #[arg(long)]
    print_bootstrap: bool,
    /// Where the admin pages are: IP:PORT, or `off`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    admin: AdminAddress,
    /// How long a request may take, in milliseconds; 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = 15_000)]
    request_timeout_ms: u64,
    /// How long a connection may be without a request, in milliseconds; 0 for no
    /// limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    idle_timeout_ms: u64,
    /// Connections open at a time; what comes beyond is closed. Default: no limit.
    #[arg(long, value_name = "N")]
    max_connections: Option<usize>,
    /// How long requests under way may take when the process is told to end, in
    /// seconds.
    #[arg(long, value_name = "N", default_value_t = 10)]
    drain_time_s: u64,
    /// How long connections are still accepted when the process is told to end, in
    /// seconds; `/ready` fails already.
    #[arg(long, value_name = "N", default_value_t = 0)]
    lame_duck_time_s: u64,
    #[command(flatten)]
    log: log::LogArguments,
}

/// Runs until a signal.
pub(super) fn run(
    arguments: &QuickArguments,
    options: &Options,
    registry: Registry,
) -> Result<(), Failure> {
    let log = arguments.log.init();
    arguments.check_codec(&registry)?;
    arguments.check_access_log()?;
    if arguments.print_bootstrap {
        return arguments.print_bootstrap(&registry);
    }
    if let Err(error) = sys::raise_open_files() {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    control_runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let builder = arguments.builder(registry)?.log_levels(log);
        let builder = options.apply(builder);
        let started = builder.start().await;
        let running = started.map_err(|error| arguments.explain(error))?;
        announce(running.handle());
        let deadline = Duration::from_secs(arguments.drain_time_s);
        signals.watch(&running, deadline).await
    })
}

impl QuickArguments {
    fn codec(&self) -> ExtensionConfig {
        let config = self.codec_config.clone().unwrap_or_default();
        ExtensionConfig::new(&*self.protocol, config)
    }

    /// What is wrong with the codec is wrong with the command line.
    fn check_codec(&self, registry: &Registry) -> Result<(), Failure> {
        let Err(error) = registry.configure_codec(&self.codec()) else {
            return Ok(());
        };
        let argument = match (&error, &self.codec_config) {
            (LookupError::Config { .. }, Some(json)) => format!("--codec-config '{json}'"),
            _ => format!("--protocol {}", self.protocol),
        };
        Err(Failure::Usage(anyhow::Error::new(error).context(argument)))
    }

    fn access_log(&self) -> Option<AccessLogConfig> {
        let target = match self.access_log.as_deref()? {
            path if path == Path::new("-") => LogTarget::Stdout,
            path => LogTarget::File(path.to_owned()),
        };
        let config = AccessLogConfig::new(target);
        Some(match &self.access_log_format {
            Some(format) => config.text(format),
            None => config,
        })
    }

    /// What is wrong with the format is wrong with the command line.
    fn check_access_log(&self) -> Result<(), Failure> {
        let config = self.access_log();
        config.map_or(Ok(()), |config| {
            let checked = config.check().map_err(anyhow::Error::new);
            checked.map_err(|error| Failure::Usage(error.context("--access-log-format")))
        })
    }

    /// What it serves.
    fn snapshot(&self) -> Result<Snapshot, Failure> {
        let mut route = Route::to_cluster(NAME, NAME);
        route.timeout = Some(Duration::from_millis(self.request_timeout_ms));
        let table = RouteTable::new(NAME, vec![RouteEntry::new(Vec::new(), route)]);
        let table = table.map_err(|errors| anyhow!("{errors:?}"))?;

        let mut chain = FilterChainConfig::new(NAME, self.codec(), table);
        chain.access_log = self.access_log().into_iter().collect();
        let idle_timeout = Duration::from_millis(self.idle_timeout_ms);
        chain.connection.idle_timeout = Some(idle_timeout).filter(|time| !time.is_zero());
        let mut listener = ListenerConfig::with_chains(NAME, vec![chain]);
        listener.max_connections = self.max_connections;

        let mut cluster = ClusterConfig::new(NAME, Vec::new());
        cluster.endpoints = self.endpoints()?;
        cluster.sharing = match (self.multiplexing, self.exclusive) {
            (true, _) => Some(Sharing::Shared),
            (_, true) => Some(Sharing::Exclusive),
            _ => None,
        };
        if let Some(connections) = self.shared_connections {
            cluster.shared_connections = connections.get();
        }
        let heartbeat = Heartbeat {
            interval: Duration::from_millis(self.heartbeat_ms),
            ..Heartbeat::default()
        };
        cluster.upstream.heartbeat = (self.heartbeat_ms > 0).then_some(heartbeat);

        Ok(Snapshot {
            listeners: vec![listener],
            clusters: vec![cluster],
        })
    }

    fn builder(&self, registry: Registry) -> Result<ProxyBuilder, Failure> {
        let mut builder = Proxy::builder(registry)
            .snapshot(self.snapshot()?)
            .listener(NAME, self.listen.clone())
            .lame_duck(Duration::from_secs(self.lame_duck_time_s))
            .drain_time(Duration::from_secs(self.drain_time_s))
            .workers(self.workers());
        let log_level = self.log.level().into();
        let command_line = &mut builder.about().command_line;
        command_line.insert("log_level".to_owned(), log_level);
        if let AdminAddress::At(address) = self.admin {
            builder = builder.admin(address);
        }
        Ok(builder)
    }

    fn endpoints(&self) -> Result<Endpoints, Failure> {
        let address = |upstream: &Upstream| match upstream {
            Upstream::At(address) => Some(address.clone()),
            Upstream::Named(_) => None,
        };
        let addresses = self.upstream.iter().map(address);
        if let Some(addresses) = addresses.collect::<Option<Vec<_>>>() {
            return Ok(addresses.into());
        }
        let host = |upstream: &Upstream| match upstream {
            Upstream::Named(host) => Ok(host.clone()),
            Upstream::At(Address::Ip(at)) => Ok(DnsHost::new(at.ip().to_string(), at.port())),
            Upstream::At(other) => Err(Failure::Usage(anyhow!(
                "--upstream {other}: host names go together with host names and IP addresses only"
            ))),
        };
        let mut dns = DnsConfig::default();
        // `localhost` is both, and most servers listen on the one.
        dns.family = LookupFamily::V4Preferred;
        Ok(Endpoints::StrictDns {
            hosts: self.upstream.iter().map(host).collect::<Result<_, _>>()?,
            dns,
        })
    }

    fn workers(&self) -> Workers {
        match (Workers::default(), self.concurrency) {
            (Workers::Own { count, .. }, wanted) => Workers::Own {
                count: wanted.unwrap_or(count),
                pin: self.pin,
            },
            (other, _) => other,
        }
    }

    /// Names the argument at fault.
    fn explain(&self, error: StartError) -> Failure {
        let argument = match &error {
            StartError::Listen { .. } => format!("--listen {}", self.listen),
            StartError::Admin { .. } => format!("--admin {}", self.admin),
            StartError::AccessLog { .. } => "--access-log".to_owned(),
            _ => return error.into(),
        };
        let in_use = match &error {
            StartError::Listen { source, .. } | StartError::Admin { source, .. } => {
                source.kind() == io::ErrorKind::AddrInUse
            }
            _ => false,
        };
        let context = match in_use {
            true => format!("{argument}: another socket has this address"),
            false => argument,
        };
        Failure::Start(anyhow::Error::new(error).context(context))
    }
}

/// Says where it listens. Whether anyone reads it is not our affair.
pub(super) fn announce(handle: &Handle) {
    let mut out = io::stdout().lock();
    for (_, address) in handle.listeners() {
        let _ = writeln!(out, "listening on {address}");
    }
    let _ = match handle.admin_address() {
        Some(Address::Ip(address)) => writeln!(out, "admin on http://{address}"),
        Some(other) => writeln!(out, "admin on {other}"),
        None => Ok(()),
    };
    let _ = out.flush();
}

fn parse_json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}
