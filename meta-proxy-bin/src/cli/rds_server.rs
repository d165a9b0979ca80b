//! `meta-proxy rds-server`: a control plane of files.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
};

use anyhow::{Context as _, anyhow};
use meta_rds::{
    Problem,
    server::{RdsServer, RouteDirectory, RouteSnapshot, SnapshotCache},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Failure, control_runtime, log};

#[derive(clap::Args)]
pub(super) struct RdsServerArguments {
    /// The folder with the route tables: *.yaml, *.yml and *.json, read again when
    /// they change. A file that is wrong is told of, and changes nothing.
    #[arg(long, value_name = "DIR")]
    routes: PathBuf,
    /// Where proxies connect: IP:PORT. Port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:18000")]
    listen: SocketAddr,
    #[command(flatten)]
    log: log::LogArguments,
}

/// Serves until a signal.
pub(super) fn run(arguments: &RdsServerArguments) -> Result<(), Failure> {
    arguments.log.init();
    let (directory, snapshot) = RouteDirectory::open(&arguments.routes)
        .map_err(|error| anyhow!("the routes cannot be served:\n{error}"))?;
    control_runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(arguments.listen)
            .await
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        announce(listener.local_addr()?, &snapshot);
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
            }
        };
        RdsServer::new(cache).serve(listener, stop).await?;
        Ok(())
    })
}

fn announce(address: SocketAddr, snapshot: &RouteSnapshot) {
    let mut out = io::stdout().lock();
    // Whether anyone reads it is not our affair.
    let _ = writeln!(out, "serving routes on {address}");
    for name in snapshot.names() {
        let _ = writeln!(out, "  {name}");
    }
    let _ = out.flush();
}

fn tell(problem: &Problem) {
    tracing::error!("{}: {problem}", problem.severity);
}
