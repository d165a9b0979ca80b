//! `/stats`: what has been counted.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

use super::pages::{Answer, Asked, Effect, Page};
use crate::stats::{Buckets, StatKind, Stats};

pub(super) const STATS: Page = Page {
    path: "/stats",
    effect: Effect::None,
    text: "statistics, one a line",
    queries: &[
        ("filter", "those whose names match the expression, in part"),
        ("format", "text, json or prometheus"),
        ("type", "All, Counters, Gauges, Histograms or TextReadouts"),
        ("usedonly", "those that are not 0"),
        (
            "histogram_buckets",
            "none (count and sum), cumulative or disjoint",
        ),
        ("text_readouts", "no effect: there are none"),
    ],
    answer: |asked| {
        let format = asked.query.choice(
            "format",
            &[
                ("text", Format::Text),
                ("json", Format::Json),
                ("prometheus", Format::Prometheus),
            ],
        )?;
        print(asked, format)
    },
};

pub(super) const PROMETHEUS: Page = Page {
    path: "/stats/prometheus",
    effect: Effect::None,
    text: "statistics for Prometheus",
    queries: &[
        ("filter", "as above"),
        ("type", "as above"),
        ("usedonly", "as above"),
        ("histogram_buckets", "no effect: they are cumulative"),
        ("text_readouts", "no effect: there are none"),
    ],
    answer: |asked| print(asked, Format::Prometheus),
};

pub(super) const RESET_COUNTERS: Page = Page {
    path: "/reset_counters",
    effect: Effect::Changes,
    text: "has counters begin at 0 again",
    queries: &[],
    answer: |asked| {
        asked.shared.reset_counters();
        Ok("OK\n".into_response())
    },
};

const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Copy)]
enum Format {
    Text,
    Json,
    Prometheus,
}

fn print(asked: &Asked<'_>, format: Format) -> Answer {
    let buckets = asked.query.choice(
        "histogram_buckets",
        &[
            ("none", Buckets::None),
            ("cumulative", Buckets::Cumulative),
            ("disjoint", Buckets::Disjoint),
        ],
    )?;
    let stats = wanted(asked)?;
    Ok(match format {
        Format::Text => stats.to_text_with(buckets).into_response(),
        Format::Json => {
            let text = stats.to_json_with(buckets).to_string();
            of_type("application/json", text)
        }
        Format::Prometheus => of_type(PROMETHEUS_TYPE, stats.to_prometheus()),
    })
}

fn of_type(media: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, media)], text).into_response()
}

/// The statistics that are asked for.
fn wanted(asked: &Asked<'_>) -> Result<Stats, String> {
    let query = asked.query;
    let filter = query.regex("filter", false)?;
    let kind = query.choice(
        "type",
        &[
            ("All", Kinds::All),
            ("Counters", Kinds::Of(StatKind::Counter)),
            ("Gauges", Kinds::Of(StatKind::Gauge)),
            ("Histograms", Kinds::Of(StatKind::Histogram)),
            ("TextReadouts", Kinds::None),
        ],
    )?;
    let used = query.has("usedonly");
    let stats = asked.shared.stats();
    Ok(stats.selected(|name, value| {
        let is_of_kind = match kind {
            Kinds::All => true,
            Kinds::Of(kind) => value.kind() == kind,
            Kinds::None => false,
        };
        is_of_kind
            && (!used || !value.is_zero())
            && filter.as_ref().is_none_or(|filter| filter.is_match(name))
    }))
}

#[derive(Clone, Copy)]
enum Kinds {
    All,
    Of(StatKind),
    None,
}
