//! `meta-proxy validate`: what is wrong with a configuration file.

use std::io::{self, Write as _};

use anyhow::anyhow;
use meta_rds::{Bootstrap, ConfigSource, Problem, RouteFile, Severity, Source};

use super::{Failure, run::FileArguments};
use crate::{
    bootstrap::{check, live_sources},
    registry::Registry,
};

#[derive(clap::Args)]
pub(super) struct ValidateArguments {
    #[command(flatten)]
    files: FileArguments,
}

/// Prints every problem; fails where there is an error among them.
pub(super) fn run(arguments: &ValidateArguments, registry: &Registry) -> Result<(), Failure> {
    let bootstrap = arguments.files.load()?;
    let mut problems = bootstrap.notes.clone();
    problems.extend(check(&bootstrap, registry));
    problems.extend(route_files(&bootstrap));
    problems.sort_by_key(|problem| problem.severity);
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let mut out = io::stdout().lock();
    for problem in &problems {
        // Whether anyone reads it is not our affair.
        let _ = writeln!(out, "{}: {problem}", problem.severity);
    }
    let (errors, unsupported) = (count(Severity::Error), count(Severity::Unsupported));
    if errors > 0 {
        return Err(anyhow!("{errors} of these are errors").into());
    }
    let _ = match unsupported {
        0 => writeln!(out, "ok"),
        _ => writeln!(
            out,
            "ok, but {unsupported} things named are not implemented yet: it cannot be run"
        ),
    };
    Ok(())
}

/// What is wrong with the files that routes come from. One that is not there may still
/// come.
fn route_files(bootstrap: &Bootstrap) -> Vec<Problem> {
    let mut paths: Vec<_> = live_sources(bootstrap)
        .filter_map(|(place, rds)| match &rds.source {
            ConfigSource::File(file) => Some((&file.path, place)),
            _ => None,
        })
        .collect();
    paths.dedup_by_key(|(path, _)| *path);
    let problems = paths.into_iter().flat_map(|(path, place)| {
        let source = match Source::file(path) {
            Ok(source) => source,
            Err(error) => {
                let text = format!("the routes are not there yet: {}: {error}", path.display());
                return vec![place.problem(Severity::Warning, text)];
            }
        };
        match RouteFile::read(&source) {
            Ok(file) => file.notes,
            Err(error) => error.problems,
        }
    });
    problems.collect()
}
