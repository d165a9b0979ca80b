//! What the tests share.

use meta_rds::{Bootstrap, Loader, Problem, Severity, Source};

pub(crate) const THRIFT: &str = include_str!("../data/thrift.yaml");
pub(crate) const DUBBO: &str = include_str!("../data/dubbo.yaml");
pub(crate) const RDS: &str = include_str!("../data/rds.json");

/// Reads texts, one laid over the other.
pub(crate) fn load(texts: &[&str]) -> Result<Bootstrap, Vec<Problem>> {
    let sources = texts.iter().map(|text| Source::new("test", *text));
    let sources: Vec<_> = sources.collect();
    Loader::new().load(&sources).map_err(|error| error.problems)
}

/// What is right.
pub(crate) fn good(text: &str) -> Bootstrap {
    load(&[text]).unwrap_or_else(|problems| panic!("{}", lines(&problems).join("\n")))
}

/// What is wrong with a text: its errors.
pub(crate) fn errors(text: &str) -> Vec<String> {
    let problems = load(&[text]).expect_err("something is wrong");
    let wrong = |problem: &&Problem| problem.severity == Severity::Error;
    problems
        .iter()
        .filter(wrong)
        .map(ToString::to_string)
        .collect()
}

/// The notes of that severity.
pub(crate) fn notes(bootstrap: &Bootstrap, severity: Severity) -> Vec<String> {
    let notes = bootstrap
        .notes
        .iter()
        .filter(|note| note.severity == severity);
    notes.map(ToString::to_string).collect()
}

pub(crate) fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// The thrift bootstrap, a part of it replaced.
pub(crate) fn thrift_with(part: &str, by: &str) -> String {
    assert!(THRIFT.contains(part), "{part:?} is there");
    THRIFT.replacen(part, by, 1)
}
