//! What is wrong with a configuration, and where.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
    sync::Arc,
};

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The configuration is wrong.
    Error,
    /// The configuration is right, but names what is not there yet and would change
    /// what becomes of traffic; so it cannot be run.
    Unsupported,
    /// What is named has no effect, or will be gone some day.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Unsupported => "not implemented",
            Self::Warning => "warning",
        })
    }
}

/// A place in a configuration, as messages name it: `FILE:LINE: PATH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, or what else the text came from.
    pub source: Arc<str>,
    /// The line, the first being 1, where it is known: not in JSON.
    pub line: Option<u32>,
    /// The field; empty for the whole. Fields have their names in snake_case,
    /// however the file spells them.
    pub path: String,
}

impl Place {
    /// A problem of what stands here.
    pub fn problem(&self, severity: Severity, text: impl Into<String>) -> Problem {
        Problem {
            severity,
            place: self.clone(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.path.as_str() {
            "" => Ok(()),
            path => write!(f, ": {path}"),
        }
    }
}

/// What is wrong with one place of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What was found and what is wanted.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// A configuration that cannot be used: all that is wrong with it.
#[derive(Clone, Debug, thiserror::Error)]
pub struct LoadError {
    /// The problems, in the order of severity.
    pub problems: Vec<Problem>,
}

/// One problem alone.
impl From<Problem> for LoadError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

/// A file cannot be read.
pub(crate) fn unreadable(path: &Path, error: &impl fmt::Display) -> Problem {
    let place = Place {
        source: path.display().to_string().into(),
        ..Place::default()
    };
    place.problem(Severity::Error, format!("cannot be read: {error}"))
}

impl LoadError {
    /// What is wrong, one line for each error, without what is merely noted.
    pub fn reason(&self) -> String {
        let errors = self.problems.iter();
        let errors = errors.filter(|problem| problem.severity == Severity::Error);
        errors
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {problem}", problem.severity)?;
        }
        Ok(())
    }
}

/// Where something stands: the number of the source, and the line, 0 if unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    pub(crate) source: usize,
    pub(crate) line: u32,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) sources: Vec<Arc<str>>,
    list: Vec<Problem>,
    /// The places of errors, once the texts have been read: what follows from an
    /// error is not told again.
    told: Option<HashSet<String>>,
    /// Warnings that are given once for each field: where in the list, how often.
    repeated: HashMap<String, (usize, usize)>,
}

impl Problems {
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        at: At,
        path: impl fmt::Display,
        text: impl Into<String>,
    ) {
        let place = self.place(at, path);
        if severity == Severity::Error
            && let Some(told) = &mut self.told
            && !told.insert(place.path.clone())
        {
            return;
        }
        self.list.push(place.problem(severity, text));
    }

    /// The number of errors so far.
    pub(crate) fn errors(&self) -> usize {
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        self.list.iter().filter(is_error).count()
    }

    /// From here on there is one error for each place; what is of a type that is not
    /// there counts as told of.
    pub(crate) fn have_been_read(&mut self) {
        let is_told = |problem: &&Problem| problem.severity != Severity::Warning;
        let paths = self.list.iter().filter(is_told).map(|p| &*p.place.path);
        let paths = paths.flat_map(|path| [path, path.trim_end_matches(".@type")]);
        self.told = Some(paths.map(str::to_owned).collect());
    }

    pub(crate) fn place(&self, at: At, path: impl fmt::Display) -> Place {
        Place {
            source: self.sources.get(at.source).cloned().unwrap_or_default(),
            line: (at.line > 0).then_some(at.line),
            path: path.to_string(),
        }
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    pub(crate) fn error(&mut self, at: At, path: impl fmt::Display, text: impl Into<String>) {
        self.add(Severity::Error, at, path, text);
    }

    /// A warning of which only the first of a `kind` is told, with their number.
    pub(crate) fn warn_once(&mut self, kind: &str, at: At, path: impl fmt::Display, text: &str) {
        match self.repeated.get_mut(kind) {
            Some((_, count)) => *count += 1,
            None => {
                self.repeated.insert(kind.to_owned(), (self.list.len(), 0));
                self.add(Severity::Warning, at, path, text);
            }
        }
    }

    /// All of them, the worst first, else in the order of the sources.
    pub(crate) fn into_list(mut self) -> Vec<Problem> {
        for (index, count) in self.repeated.into_values() {
            if let (Some(problem), 1..) = (self.list.get_mut(index), count) {
                problem.text.push_str(&format!(" ({count} more like this)"));
            }
        }
        self.list.sort_by_key(|problem| problem.severity);
        self.list
    }
}
