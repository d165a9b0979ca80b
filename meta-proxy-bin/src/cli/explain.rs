//! `meta-proxy explain`: which route of a configuration file a request would take.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow};
use meta_rds::{
    Bootstrap, ConfigSource, FilterChain, Listener, RdsSettings, RouteFile, RouteSource, Source,
};
use meta_router::RouteTable;

use super::{Failure, run::FileArguments};
use crate::explain::{Call, Place, choose};

#[derive(clap::Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    files: FileArguments,
    /// The listener that the request comes to; may be left out where there is one.
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// Its filter chain: the name, its place in the list, or `default`. May be left
    /// out where there is one.
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// The file with the routes that the chain gets from a control plane, in the forms
    /// that `path_config_source` takes; without it, those of its `path_config_source`.
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// An attribute of the request, or of its connection where it has the name of one
    /// (connection.mtls, source.address and others).
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// An attribute that the client itself sends, whatever its name.
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = pair)]
    headers: Vec<(String, String)>,
    /// The request is a one-way call.
    #[arg(long)]
    one_way: bool,
    /// What the answer looks like.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Prints which route matches, and why those before it do not; fails where none does.
pub(super) fn run(arguments: &ExplainArguments) -> Result<(), Failure> {
    let bootstrap = arguments.files.load().map_err(|failure| match failure {
        Failure::Start(error) => Failure::Usage(error),
        other => other,
    })?;
    match explain(&bootstrap, arguments).map_err(Failure::Usage)? {
        true => Ok(()),
        false => Err(Failure::Told),
    }
}

/// Whether a route matches.
fn explain(bootstrap: &Bootstrap, arguments: &ExplainArguments) -> anyhow::Result<bool> {
    for note in bootstrap.unsupported() {
        eprintln!("{}: {note}", note.severity);
    }
    let listener = listener(bootstrap, arguments.listener.as_deref())?;
    let (chain, label) = chain(listener, arguments.chain.as_deref())?;
    let given = arguments.routes.as_deref();
    let table = match (&chain.proxy.routes, given) {
        (RouteSource::Static(table), None) => table.clone(),
        (RouteSource::Rds(rds), given) => elsewhere(rds, given)
            .with_context(|| format!("the routes of filter chain {label} are not in the file"))?,
        _ => {
            return Err(anyhow!(
                "--routes: the routes of filter chain {label} are in the bootstrap"
            ));
        }
    };
    let mut call = Call::new(arguments.one_way);
    for (name, value) in &arguments.attributes {
        let added = call.attribute(name, value);
        added.map_err(|text| anyhow!(text)).context("--attr")?;
    }
    for (name, value) in &arguments.headers {
        call.header(name, value);
    }
    let place = Place {
        listener: &listener.name,
        chain: &label,
        table: &table,
    };
    let explained = place.explain(&call);
    let mut out = io::stdout().lock();
    // Whether anyone reads it is not our affair.
    let _ = match arguments.format {
        Format::Text => write!(out, "{explained}"),
        Format::Json => writeln!(out, "{:#}", explained.json()),
    };
    Ok(explained.has_route())
}

/// The table that comes from elsewhere, as it stands in a file.
fn elsewhere(rds: &RdsSettings, given: Option<&Path>) -> anyhow::Result<Arc<RouteTable>> {
    let path = match (given, &rds.source) {
        (Some(given), _) => given,
        (None, ConfigSource::File(file)) => &file.path,
        (None, _) => {
            return Err(anyhow!(
                "--routes has to say which file has them; or ask the proxy that runs, at /explain"
            ));
        }
    };
    let source = Source::file(path).with_context(|| path.display().to_string())?;
    let file = RouteFile::read(&source)?;
    let mut tables = file.routes.iter().map(|routes| &routes.table);
    let found = tables.find(|table| *table.name() == rds.route_config_name);
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = file.routes.iter().map(|r| &**r.table.name()).collect();
        anyhow!(
            "{}: no table {:?}, but: {}",
            path.display(),
            rds.route_config_name,
            names.join(", ")
        )
    })
}

fn listener<'a>(bootstrap: &'a Bootstrap, name: Option<&str>) -> anyhow::Result<&'a Listener> {
    let all = &bootstrap.listeners;
    let found = match (name, &all[..]) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), _) => all.iter().find(|listener| &*listener.name == name),
    };
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|listener| &*listener.name).collect();
        let names = names.join(", ");
        match name {
            Some(name) => anyhow!("there is no listener {name:?}, but: {names}"),
            None => anyhow!("--listener has to say which is meant; there are: {names}"),
        }
    })
}

/// The chain that is meant, and what it is called.
fn chain<'a>(
    listener: &'a Listener,
    asked: Option<&str>,
) -> anyhow::Result<(&'a FilterChain, String)> {
    let default = &listener.default_filter_chain;
    let chains: Vec<_> = listener.filter_chains.iter().chain(default).collect();
    let names: Vec<_> = chains.iter().map(|chain| chain.name.as_str()).collect();
    let chosen = choose(&names, default.is_some(), asked);
    let (at, label) = chosen.map_err(|text| anyhow!(text)).context("--chain")?;
    let chain = chains.get(at).context("it is one of these")?;
    Ok((chain, label))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
