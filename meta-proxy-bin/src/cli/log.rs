//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

mod pattern;

use self::pattern::Pattern;

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

/// How much is logged and how, in Envoy's words.
#[derive(clap::Args)]
pub(super) struct RunLogArguments {
    /// What is logged: off, critical, error, warning, info, debug or trace; or by
    /// module, such as `warn,meta_router=debug`.
    #[arg(short = 'l', long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    log_level: Targets,
    /// What a line says, such as `[%Y-%m-%d %T.%e][%l][%n] %v`.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Pattern>,
}

impl RunLogArguments {
    /// Begins to log. For the process; only once.
    pub(super) fn init(&self) {
        let lines = fmt::layer().with_writer(io::stderr);
        let registry = tracing_subscriber::registry();
        match self.log_format.clone() {
            Some(pattern) => {
                let lines = lines.with_ansi(false).event_format(pattern);
                registry
                    .with(lines.with_filter(self.log_level.clone()))
                    .init();
            }
            None => {
                let lines = lines.with_ansi(io::stderr().is_terminal());
                registry
                    .with(lines.with_filter(self.log_level.clone()))
                    .init();
            }
        }
    }
}

/// Envoy's names of levels, and ours.
fn level(text: &str) -> Result<Targets, String> {
    let text = match text {
        "warning" => "warn",
        "critical" => "error",
        other => other,
    };
    text.parse().map_err(|error| format!("{error}"))
}
