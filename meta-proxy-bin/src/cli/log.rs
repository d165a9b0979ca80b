//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// How much is logged.
#[derive(clap::Args)]
pub(super) struct LogArguments {
    /// What is logged: off, error, warn, info, debug or trace; or by module, such as
    /// `warn,meta_router=debug`.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: Targets,
}

impl LogArguments {
    /// Begins to log. For the process; only once.
    pub(super) fn init(&self) {
        let lines = fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal());
        let filtered = lines.with_filter(self.log_level.clone());
        tracing_subscriber::registry().with(filtered).init();
    }
}
