//! Who is compared: how each proxy is configured and started.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::bootstrap::{self, socket, transport_sockets};
use super::cases::Limits;
use crate::protocol::Protocol;
use crate::tls::{self, Pki};

/// What a proxy is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    /// What it passes on.
    pub(crate) protocol: &'a dyn Protocol,
    /// What it has to be told for it.
    pub(crate) limits: Limits,
    /// Both of its sides are under TLS if given.
    pub(crate) tls: Option<&'a Pki>,
    /// The server behind it.
    pub(crate) upstream: SocketAddr,
}

/// One column of the comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// No proxy: the load generator calls the echo server.
    Direct,
    /// meta-proxy as it is by default; with TLS, by a bootstrap file.
    Ours,
    /// meta-proxy with `--multiplexing`.
    OursMux,
    /// meta-proxy with a bootstrap file that says what `quick` does.
    OursRun,
    /// meta-proxy with a bootstrap file of 10 exact routes.
    #[serde(rename = "ours-10-routes")]
    #[value(name = "ours-10-routes")]
    OursFewRoutes,
    /// meta-proxy with a bootstrap file of 10,000 exact routes.
    #[serde(rename = "ours-10k-routes")]
    #[value(name = "ours-10k-routes")]
    OursManyRoutes,
    /// Envoy with the protocol's own filter.
    Envoy,
    /// Envoy's generic proxy with its codec for the protocol.
    EnvoyGeneric,
    /// HAProxy in TCP mode, which does not look at the bytes.
    Haproxy,
}

impl Peer {
    /// Whether there is a process between load and echo server.
    pub(crate) fn is_proxy(self) -> bool {
        self != Self::Direct
    }

    /// How many routes a bootstrap file of ours has that look at the method; 0
    /// for one that takes all calls.
    fn routes(self) -> usize {
        match self {
            Self::OursFewRoutes => 10,
            Self::OursManyRoutes => 10_000,
            _ => 0,
        }
    }

    /// The name on the command line and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Ours => "ours",
            Self::OursMux => "ours-mux",
            Self::OursRun => "ours-run",
            Self::OursFewRoutes => "ours-10-routes",
            Self::OursManyRoutes => "ours-10k-routes",
            Self::Envoy => "envoy",
            Self::EnvoyGeneric => "envoy-generic",
            Self::Haproxy => "haproxy",
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the proxies' programs are.
#[derive(Args, Clone, Debug)]
pub(crate) struct Binaries {
    /// The meta-proxy program.
    #[arg(long, value_name = "PATH", default_value = "meta-proxy")]
    meta_proxy: PathBuf,
    /// The Envoy program.
    #[arg(long, value_name = "PATH", default_value = "envoy")]
    envoy: PathBuf,
    /// The HAProxy program.
    #[arg(long, value_name = "PATH", default_value = "haproxy")]
    haproxy: PathBuf,
}

impl Binaries {
    /// The program that a peer runs.
    pub(crate) fn program(&self, peer: Peer) -> Option<&Path> {
        match peer {
            Peer::Direct => None,
            Peer::Ours
            | Peer::OursMux
            | Peer::OursRun
            | Peer::OursFewRoutes
            | Peer::OursManyRoutes => Some(&self.meta_proxy),
            Peer::Envoy | Peer::EnvoyGeneric => Some(&self.envoy),
            Peer::Haproxy => Some(&self.haproxy),
        }
    }

    /// Fails, before anything is measured, if a peer cannot be started.
    pub(crate) fn check(&self, peer: Peer) -> Result<()> {
        let Some(program) = self.program(peer) else {
            return Ok(());
        };
        let version = if peer == Peer::Haproxy {
            "-v"
        } else {
            "--version"
        };
        Command::new(program)
            .arg(version)
            .output()
            .with_context(|| format!("cannot run {} for {peer}", program.display()))?;
        Ok(())
    }

    /// The command that starts a peer as a proxy that listens at `listen`, with
    /// one worker. Configuration files go to `work_dir`.
    pub(crate) fn command(
        &self,
        peer: Peer,
        task: &Task<'_>,
        listen: SocketAddr,
        work_dir: &Path,
    ) -> Result<Option<Command>> {
        let protocol = task.protocol;
        let Some(program) = self.program(peer) else {
            return Ok(None);
        };
        let mut command = Command::new(program);
        match peer {
            Peer::Direct => {}
            Peer::Ours | Peer::OursMux if task.tls.is_none() => {
                command.args(["quick", "--protocol", protocol.name()]);
                command.args(["--listen", &listen.to_string()]);
                command.args(["--upstream", &task.upstream.to_string()]);
                command.args(["--concurrency", "1", "--admin", "off"]);
                command.args(["--log-level", "warn"]);
                if let Some(config) = task.limits.codec_config {
                    command.args(["--codec-config", config]);
                }
                if peer == Peer::OursMux {
                    command.arg("--multiplexing");
                }
            }
            Peer::OursMux => bail!("no multiplexing with TLS"),
            Peer::Ours | Peer::OursRun | Peer::OursFewRoutes | Peer::OursManyRoutes => {
                let file = work_dir.join(format!("{peer}.yaml"));
                let config = bootstrap::of(task, peer.routes(), listen);
                fs::write(&file, config)?;
                command.arg("run").arg("--config-path").arg(file);
                command.args(["--concurrency", "1", "--log-level", "warn"]);
            }
            Peer::Envoy | Peer::EnvoyGeneric => {
                let filter = match peer {
                    Peer::Envoy => Some(protocol.envoy_filter()),
                    _ => protocol.envoy_generic_filter(),
                };
                let filter = filter.context("no Envoy filter for this protocol")?;
                let file = work_dir.join(format!("{peer}.yaml"));
                fs::write(&file, envoy_config(&filter, task, listen))?;
                command.arg("--config-path").arg(file);
                command.args(["--concurrency", "1", "--disable-hot-restart"]);
                command.args(["--log-level", "error"]);
            }
            Peer::Haproxy => {
                let file = work_dir.join("haproxy.cfg");
                fs::write(&file, haproxy_config(task, listen))?;
                command.arg("-db").arg("-f").arg(file);
            }
        }
        Ok(Some(command))
    }
}

fn envoy_config(filter: &str, task: &Task<'_>, listen: SocketAddr) -> String {
    let (listener_tls, cluster_tls) = transport_sockets(task);
    let buffer = task
        .limits
        .envoy_buffer_bytes
        .map_or(String::new(), |bytes| {
            format!("\n    per_connection_buffer_limit_bytes: {bytes}")
        });
    format!(
        "\
static_resources:
  listeners:
  - name: bench
    address: {listen}{buffer}
    filter_chains:
    - {listener_tls}filters:
      - {filter}
  clusters:
  - name: echo
    type: STATIC
    {cluster_tls}connect_timeout: 5s{buffer}
    load_assignment:
      cluster_name: echo
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {upstream}
    circuit_breakers:
      thresholds:
      - max_connections: 1000000
        max_pending_requests: 1000000
        max_requests: 1000000
        max_retries: 1000000
",
        listen = socket(listen),
        upstream = socket(task.upstream),
    )
}

fn haproxy_config(task: &Task<'_>, listen: SocketAddr) -> String {
    let (bind_tls, server_tls) = match task.tls {
        Some(Pki {
            both, authority, ..
        }) => (
            format!(" ssl crt {} ssl-min-ver TLSv1.3", both.display()),
            format!(
                " ssl verify required ca-file {} sni str({}) ssl-min-ver TLSv1.3",
                authority.display(),
                tls::SERVER_NAME
            ),
        ),
        None => Default::default(),
    };
    let upstream = task.upstream;
    // Each of its connections takes two of the open files permitted.
    format!(
        "\
global
    nbthread 1
    maxconn 9950
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen bench
    bind {listen}{bind_tls}
    maxconn 9950
    server echo {upstream}{server_tls}
"
    )
}
