//! `meta-proxy schema`: what editors know of configuration files.

use std::io::{self, Write as _};

use super::Failure;

/// Prints the JSON Schema of bootstraps.
pub(super) fn run() -> Result<(), Failure> {
    let schema = meta_rds::schema()?;
    let mut out = io::stdout().lock();
    // Whether anyone reads it to its end is not our affair.
    let _ = writeln!(out, "{schema:#}");
    Ok(())
}
