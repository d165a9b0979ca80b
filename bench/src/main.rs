//! Benchmark tool: an echo server, a load generator that verifies every
//! reply, and a suite that runs both around several proxies side by side.
//!
//! `run.sh` next to this crate is the usual way in; `echo` and `load` are also
//! useful alone, for example under a profiler.

mod echo;
mod load;
mod net;
mod pattern;
mod procfs;
mod protocol;
mod suite;
mod sys;
mod tls;

use clap::{Parser, Subcommand};

/// Measures RPC proxies: CPU per request, latency, throughput and memory.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer every call with its own argument.
    Echo(echo::EchoArgs),
    /// Send verified calls to one address and print what was measured.
    Load(load::LoadArgs),
    /// Measure several proxies side by side.
    Suite(suite::SuiteArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Echo(args) => echo::run(&args),
        Command::Load(args) => load::run_command(&args),
        Command::Suite(args) => suite::run(&args),
    }
}
