//! `/logging`: how much is logged, and changing it.

use std::fmt::Write as _;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tracing::level_filters::LevelFilter;

use super::pages::{Answer, Asked, Effect, Page, not_allowed};
use crate::about::Levels;

pub(super) const LOGGING: Page = Page {
    path: "/logging",
    effect: Effect::May,
    text: "the levels of the log; a query changes them, by POST",
    queries: &[
        (
            "level",
            "for all: trace, debug, info, warning, error, critical or off",
        ),
        (
            "paths",
            "for some, such as meta_codec:debug,meta_router:trace",
        ),
        ("NAME", "for one crate or module, such as meta_router=debug"),
    ],
    answer,
};

/// The crates that log.
const TARGETS: &[&str] = &[
    "meta_codec",
    "meta_filters",
    "meta_proxy",
    "meta_router",
    "meta_tls",
];

fn answer(asked: &Asked<'_>) -> Answer {
    let Some(log) = &asked.shared.about.log_levels else {
        let text = "the levels of this program's log cannot be changed here: \
                    it has not told the proxy how\n";
        return Ok((StatusCode::NOT_IMPLEMENTED, text).into_response());
    };
    let mut levels = log.levels();
    if asked.query.pairs().len() == 0 {
        return Ok(list(&levels));
    }
    if !asked.is_post {
        return Ok(not_allowed("POST"));
    }
    for (name, value) in asked.query.pairs() {
        match name {
            "level" => levels = Levels::new(level(value)?),
            "paths" => {
                for pair in value.split(',').filter(|pair| !pair.is_empty()) {
                    let (target, value) = pair
                        .rsplit_once(':')
                        .ok_or_else(|| format!("{pair:?} is not NAME:LEVEL"))?;
                    set(&mut levels, target, value)?;
                }
            }
            target => set(&mut levels, target, value)?,
        }
    }
    log.set(levels)?;
    Ok(list(&log.levels()))
}

fn set(levels: &mut Levels, target: &str, value: &str) -> Result<(), String> {
    let is_name = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
            && chars.all(|c| c == '_' || c.is_alphanumeric())
    };
    if !target.split("::").all(is_name) {
        return Err(format!("{target:?} is the name of no crate or module"));
    }
    let level = level(value)?;
    levels.targets.insert(target.to_owned(), level);
    Ok(())
}

/// Envoy's names of levels, and ours.
fn level(text: &str) -> Result<LevelFilter, String> {
    match text.to_ascii_lowercase().as_str() {
        "trace" => Ok(LevelFilter::TRACE),
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "error" | "critical" => Ok(LevelFilter::ERROR),
        "off" => Ok(LevelFilter::OFF),
        _ => Err(format!(
            "{text:?} is no level; there are trace, debug, info, warning, error, critical and off"
        )),
    }
}

/// What is in force, in Envoy's form.
fn list(levels: &Levels) -> Response {
    let named = levels.targets.keys().map(String::as_str);
    let mut names: Vec<_> = TARGETS.iter().copied().chain(named).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::from("active loggers:\n");
    // Writing to a string does not fail.
    let _ = writeln!(text, "  default: {}", word(levels.default));
    for name in names {
        let _ = writeln!(text, "  {name}: {}", word(levels.of(name)));
    }
    text.into_response()
}

fn word(level: LevelFilter) -> String {
    match level {
        LevelFilter::WARN => "warning".to_owned(),
        level => level.to_string(),
    }
}
