//! `meta-proxy validate`: what is wrong with a configuration file.

use std::io::{self, Write as _};

use anyhow::anyhow;
use meta_rds::Severity;

use super::{Failure, run::FileArguments};
use crate::{bootstrap::check, registry::Registry};

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
