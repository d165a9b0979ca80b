//! The log, on standard error.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer as _, Registry, filter::Targets, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

mod pattern;

use self::pattern::Pattern;
use crate::about::{Levels, LogLevels};

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
    pub(super) fn init(&self) -> Arc<dyn LogLevels> {
        init(&self.log_level, None)
    }

    /// What is logged, in the words of the command line.
    pub(super) fn level(&self) -> String {
        self.log_level.to_string()
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
    pub(super) fn init(&self) -> Arc<dyn LogLevels> {
        init(&self.log_level, self.log_format.clone())
    }

    /// What is logged, in the words of the command line.
    pub(super) fn level(&self) -> String {
        self.log_level.to_string()
    }
}

fn init(targets: &Targets, pattern: Option<Pattern>) -> Arc<dyn LogLevels> {
    let (filter, handle) = reload::Layer::new(targets.clone());
    let lines = fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry();
    match pattern {
        Some(pattern) => {
            let lines = lines.with_ansi(false).event_format(pattern);
            registry.with(lines.with_filter(filter)).init();
        }
        None => {
            let lines = lines.with_ansi(io::stderr().is_terminal());
            registry.with(lines.with_filter(filter)).init();
        }
    }
    Arc::new(OwnLog(handle))
}

/// The program's own log.
struct OwnLog(reload::Handle<Targets, Registry>);

impl LogLevels for OwnLog {
    fn levels(&self) -> Levels {
        let Some(targets) = self.0.clone_current() else {
            return Levels::new(LevelFilter::OFF);
        };
        let mut levels = Levels::new(targets.default_level().unwrap_or(LevelFilter::OFF));
        let named = targets.iter();
        levels.targets = named
            .map(|(name, level)| (name.to_owned(), level))
            .collect();
        levels
    }

    fn set(&self, levels: Levels) -> Result<(), String> {
        let targets = Targets::new().with_default(levels.default);
        let targets = targets.with_targets(levels.targets);
        self.0.reload(targets).map_err(|error| error.to_string())
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
