//! `meta-proxy rds-server`: a control plane of files.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, anyhow};
use meta_core::Address;
use meta_rds::{
    Problem, Severity, SocketSettings,
    server::{RdsServer, RouteDirectory, RouteSnapshot, SnapshotCache, TlsListener},
};
use meta_tls::TlsContexts;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, address::parse_address, control_runtime, log};
use crate::{
    socket::{ListenSocket, Listening},
    supervisor::SECRETS_INTERVAL,
    sys,
};

mod accept;
mod tls;

use self::tls::TlsArguments;

#[derive(clap::Args)]
pub(super) struct RdsServerArguments {
    /// The folder with the route tables: *.yaml, *.yml and *.json, read again when
    /// they change. A file that is wrong is told of, and changes nothing.
    #[arg(long, value_name = "DIR")]
    routes: PathBuf,
    /// Where proxies connect: IP:PORT or unix:PATH. Port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    #[arg(default_value = "127.0.0.1:18000")]
    listen: Address,
    #[command(flatten)]
    log: log::LogArguments,
    #[command(flatten)]
    tls: TlsArguments,
}

/// Serves until a signal.
pub(super) fn run(arguments: &RdsServerArguments) -> Result<(), Failure> {
    arguments.log.init();
    let (directory, snapshot) = RouteDirectory::open(&arguments.routes)
        .map_err(|error| anyhow!("the routes cannot be served:\n{error}"))?;
    let contexts = TlsContexts::new();
    let tls = arguments.tls.context(&contexts);
    // It tells what it comes from by itself.
    let tls = tls.map_err(|error| anyhow!("{error}"))?;
    if let Err(error) = sys::raise_open_files() {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    control_runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (socket, address) = listen(&arguments.listen)
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        announce(&address, &snapshot);
        let cache = SnapshotCache::new();
        cache.set(snapshot);
        let follow = directory.follow(cache.clone(), |error| {
            error.problems.iter().for_each(tell);
        });
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                // For ever.
                () = follow => {}
                () = contexts.watch(SECRETS_INTERVAL) => {}
            }
        };
        let server = RdsServer::new(cache);
        match tls {
            Some(tls) => server.serve(TlsListener::new(socket, tls), stop).await?,
            None => server.serve(socket, stop).await?,
        }
        Ok(())
    })
}

/// A socket that takes connections, and where it is. On `[::]` it takes those of IPv4,
/// too.
fn listen(address: &Address) -> io::Result<(Listening, Address)> {
    let mut settings = SocketSettings::default();
    settings.ipv4_compat = true;
    let socket = ListenSocket::from(address.clone()).with_settings(&settings);
    // An address is one socket.
    let part = socket.into_parts().last();
    let bound = part.ok_or(io::ErrorKind::Unsupported)?.bind()?;
    let address = bound.address()?;
    let listening = bound.listen()?.ok_or(io::ErrorKind::Unsupported)?;
    Ok((listening, address))
}

fn announce(address: &Address, snapshot: &RouteSnapshot) {
    let mut out = io::stdout().lock();
    // Whether anyone reads it is not our affair.
    let _ = writeln!(out, "serving routes on {address}");
    for name in snapshot.names() {
        let _ = writeln!(out, "  {name}");
    }
    let _ = out.flush();
}

fn tell(problem: &Problem) {
    match problem.severity {
        Severity::Error => tracing::error!("{problem}"),
        _ => tracing::warn!("{problem}"),
    }
}
