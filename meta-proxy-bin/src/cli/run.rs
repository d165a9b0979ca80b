//! `meta-proxy run`: a proxy with a configuration file.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow};
use meta_rds::{Bootstrap, BootstrapFile, LoadError, Loader, Severity, Source};
use serde_json::{Map, Value};

use super::{Failure, Options, control_runtime, log, quick, signals::Signals};
use crate::{
    builder::{Proxy, Workers},
    registry::Registry,
    sys,
};

#[derive(clap::Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    files: FileArguments,
    /// Read the file again whenever it has changed, and put its routes and endpoints in
    /// force; anything else that differs is refused, and told of in the log.
    #[arg(long, requires = "config_path")]
    watch: bool,
    /// Worker threads. Default, and 0: as many as there are CPUs for the process.
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
    /// How long requests under way may take when the process is told to end, in
    /// seconds.
    #[arg(long, value_name = "N", default_value_t = 10)]
    drain_time_s: u64,
    /// How long connections are still accepted when the process is told to end, in
    /// seconds; `/ready` fails already.
    #[arg(long, value_name = "N", default_value_t = 0)]
    lame_duck_time_s: u64,
    #[command(flatten)]
    log: log::RunLogArguments,
    #[command(flatten)]
    others: OtherArguments,
}

/// What a bootstrap is read from.
#[derive(clap::Args)]
pub(super) struct FileArguments {
    /// The bootstrap, in YAML or JSON.
    #[arg(short = 'c', long, value_name = "FILE")]
    #[arg(required_unless_present = "config_yaml")]
    config_path: Option<PathBuf>,
    /// A second bootstrap, the text itself, which is merged over the first.
    #[arg(long, value_name = "YAML")]
    config_yaml: Option<String>,
    /// Warn of fields that nobody knows, rather than refuse them.
    #[arg(long)]
    allow_unknown_static_fields: bool,
}

/// What Envoy is told by those that start it, and that means nothing here.
#[derive(clap::Args)]
#[command(next_help_heading = "Accepted for compatibility, without effect")]
struct OtherArguments {
    #[arg(long, value_name = "STRATEGY")]
    drain_strategy: Option<String>,
    #[arg(long)]
    disable_hot_restart: bool,
    #[arg(long, value_name = "V")]
    local_address_ip_version: Option<String>,
    #[arg(long, value_name = "N")]
    file_flush_interval_msec: Option<u64>,
}

/// Runs until a signal.
pub(super) fn run(
    arguments: &RunArguments,
    options: &Options,
    registry: Registry,
) -> Result<(), Failure> {
    let log = arguments.log.init();
    let (file, bootstrap) = arguments.files.open()?;
    for note in &bootstrap.notes {
        tracing::warn!("{note}");
    }
    arguments.others.tell();
    if let Err(error) = sys::raise_open_files() {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    let lame_duck = Duration::from_secs(arguments.lame_duck_time_s);
    let mut builder = Proxy::builder(registry)
        .workers(arguments.workers())
        .lame_duck(lame_duck)
        .drain_time(Duration::from_secs(arguments.drain_time_s))
        .log_levels(log)
        .bootstrap(&bootstrap)
        .context("the bootstrap cannot be run")?;
    drop(bootstrap);
    builder.about().command_line = arguments.command_line();
    if let (true, Some(file)) = (arguments.watch, file) {
        builder = builder.watch(file);
    }
    builder = options.apply(builder);
    if let Some(hook) = options.on_rest {
        // What loading took.
        hook();
    }
    control_runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let running = tokio::select! {
            running = builder.start() => running?,
            // It may wait for its routes as long as it takes.
            () = signals.end() => {
                tracing::info!("told to end before it served");
                return Ok(());
            }
        };
        quick::announce(running.handle());
        let deadline = Duration::from_secs(arguments.drain_time_s);
        signals.watch(&running, deadline).await
    })
}

impl RunArguments {
    /// In the fields of Envoy's `CommandLineOptions`, but for those that hold of every
    /// proxy. The text of `--config-yaml` may hold secrets and is not told.
    fn command_line(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        if let Some(path) = &self.files.config_path {
            set("config_path", path.to_string_lossy().into());
        }
        if let Some(text) = &self.files.config_yaml {
            set("config_yaml", format!("[{} bytes]", text.len()).into());
        }
        if self.files.allow_unknown_static_fields {
            set("allow_unknown_static_fields", true.into());
        }
        set("log_level", self.log.level().into());
        if let Some(strategy) = &self.others.drain_strategy {
            set("drain_strategy", strategy.as_str().into());
        }
        if let Some(version) = &self.others.local_address_ip_version {
            set("local_address_ip_version", version.as_str().into());
        }
        fields
    }

    fn workers(&self) -> Workers {
        let count = self.concurrency.and_then(NonZeroUsize::new);
        count.map_or_else(Workers::default, |count| Workers::own(count.get()))
    }
}

impl OtherArguments {
    fn tell(&self) {
        let given = [
            ("--drain-strategy", self.drain_strategy.is_some()),
            ("--disable-hot-restart", self.disable_hot_restart),
            (
                "--local-address-ip-version",
                self.local_address_ip_version.is_some(),
            ),
            (
                "--file-flush-interval-msec",
                self.file_flush_interval_msec.is_some(),
            ),
        ];
        for (flag, _) in given.iter().filter(|(_, given)| *given) {
            tracing::debug!("{flag} has no effect");
        }
    }
}

impl FileArguments {
    /// The bootstrap, of the file and the text.
    pub(super) fn load(&self) -> Result<Bootstrap, Failure> {
        self.open().map(|(_, bootstrap)| bootstrap)
    }

    /// The same, and the file to follow, where there is one.
    fn open(&self) -> Result<(Option<BootstrapFile>, Bootstrap), Failure> {
        let mut loader = Loader::new();
        loader.allow_unknown_fields = self.allow_unknown_static_fields;
        let text = self.config_yaml.as_deref();
        let text = text.map(|text| Source::new("--config-yaml", text));
        let Some(path) = &self.config_path else {
            let bootstrap = loader.load(text.as_slice()).map_err(unreadable)?;
            return Ok((None, bootstrap));
        };
        let mut file = BootstrapFile::new(loader, path);
        if let Some(text) = text {
            file = file.with_overlay(text);
        }
        let bootstrap = file.load().map_err(unreadable)?;
        Ok((Some(file), bootstrap))
    }
}

fn unreadable(error: LoadError) -> Failure {
    let errors = error
        .problems
        .iter()
        .filter(|p| p.severity == Severity::Error);
    let count = errors.count();
    Failure::Start(anyhow!(
        "the bootstrap cannot be read, {count} errors:\n{error}"
    ))
}
