//! The command line, and all that belongs to a process as a whole: its
//! arguments, signals, log and exit codes.

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::{
    about::MemoryUse,
    builder::ProxyBuilder,
    registry::{Registry, RegistryError},
};

mod address;
mod demo;
mod explain;
mod log;
mod quick;
mod rds_server;
mod run;
mod schema;
mod signals;
mod validate;

/// Does what the command line says: the whole of a proxy's `main`.
///
/// `register` says which codecs and filters there are.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     meta_proxy::cli::main(|registry| {
///         registry.codec(codec_thrift::Thrift)?;
///         Ok(())
///     })
/// }
/// ```
///
/// Exit codes: 0 after an end in order, 1 where the proxy does not start or ends
/// otherwise, 2 for a command line that cannot be understood. `explain` has 1 where no
/// route matches, and 2 for all that keeps it from telling.
pub fn main(register: impl FnOnce(&mut Registry) -> Result<(), RegistryError>) -> ExitCode {
    main_with(Options::default(), register)
}

/// Does what [`main`] does, with what a command line cannot say.
pub fn main_with(
    options: Options,
    register: impl FnOnce(&mut Registry) -> Result<(), RegistryError>,
) -> ExitCode {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(error) => {
            // Help and versions are errors too, of code 0. Nobody may be reading.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut registry = Registry::new();
    let done = match register(&mut registry) {
        Err(error) => Err(Failure::Start(error.into())),
        Ok(()) => match command {
            Command::Quick(arguments) => quick::run(&arguments, &options, registry),
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Run(arguments) => run::run(&arguments, &options, registry),
            Command::RdsServer(arguments) => rds_server::run(&arguments),
            Command::Validate(arguments) => validate::run(&arguments, &registry),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Schema => schema::run(),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
        Err(Failure::Start(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
        Err(Failure::Told) => ExitCode::FAILURE,
    }
}

/// What a program sets for itself, rather than its command line.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    on_rest: Option<fn()>,
    memory: Option<fn() -> MemoryUse>,
}

impl Options {
    /// Passes `hook` on to [`ProxyBuilder::on_rest`].
    #[must_use]
    pub fn on_rest(mut self, hook: fn()) -> Self {
        self.on_rest = Some(hook);
        self
    }

    /// Passes `known` on to [`ProxyBuilder::memory`].
    #[must_use]
    pub fn memory(mut self, known: fn() -> MemoryUse) -> Self {
        self.memory = Some(known);
        self
    }

    /// Tells a proxy what the program sets for itself.
    fn apply(&self, mut builder: ProxyBuilder) -> ProxyBuilder {
        if let Some(hook) = self.on_rest {
            builder = builder.on_rest(hook);
        }
        if let Some(known) = self.memory {
            builder = builder.memory(known);
        }
        builder
    }
}

/// A layer-7 proxy for RPC protocols.
#[derive(Parser)]
#[command(name = "meta-proxy", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Proxies what a bootstrap file says.
    Run(Box<run::RunArguments>),
    /// Tells all that is wrong with a bootstrap file.
    Validate(validate::ValidateArguments),
    /// Tells which route a request would take, and why.
    Explain(explain::ExplainArguments),
    /// Prints the JSON Schema of bootstrap files, for editors.
    Schema,
    /// Proxies one protocol from one address to one or more servers.
    Quick(Box<quick::QuickArguments>),
    /// Serves route tables to proxies (RDS): a control plane of files in a folder.
    RdsServer(rds_server::RdsServerArguments),
    /// Shows canary releases and a live update of routes at work: servers, a proxy, a
    /// control plane and clients in one process.
    Demo(demo::DemoArguments),
}

/// Why the program ends with a code other than 0.
enum Failure {
    /// The command line cannot be meant so.
    Usage(anyhow::Error),
    /// The proxy does not start, or ends otherwise than in order.
    Start(anyhow::Error),
    /// The answer is no, which has been told.
    Told,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Start(error.into())
    }
}

/// The runtime of everything that is not a worker; it stays on this thread.
fn control_runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
