//! Pages of a line: readiness, and the end.

use axum::{http::StatusCode, response::IntoResponse};

use super::pages::{Answer, Asked, Effect, Page};

pub(super) const READY: Page = Page {
    path: "/ready",
    effect: Effect::None,
    text: "200 and LIVE while requests are welcome, else 503 and the state",
    queries: &[],
    answer: ready,
};

pub(super) const HEALTHCHECK_FAIL: Page = Page {
    path: "/healthcheck/fail",
    effect: Effect::Changes,
    text: "has /ready fail, while requests are still served",
    queries: &[],
    answer: |asked| {
        asked.shared.fail_readiness(true);
        Ok("OK\n".into_response())
    },
};

pub(super) const HEALTHCHECK_OK: Page = Page {
    path: "/healthcheck/ok",
    effect: Effect::Changes,
    text: "takes /healthcheck/fail back",
    queries: &[],
    answer: |asked| {
        asked.shared.fail_readiness(false);
        Ok("OK\n".into_response())
    },
};

pub(super) const QUITQUITQUIT: Page = Page {
    path: "/quitquitquit",
    effect: Effect::Changes,
    text: "ends the proxy in order, as SIGTERM does",
    queries: &[],
    answer: |asked| {
        let shared = asked.shared;
        shared.request_drain(shared.about.drain_time);
        Ok("OK\n".into_response())
    },
};

pub(super) const HOT_RESTART_VERSION: Page = Page {
    path: "/hot_restart_version",
    effect: Effect::None,
    text: "there is no hot restart: disabled",
    queries: &[],
    answer: |_| Ok("disabled".into_response()),
};

fn ready(asked: &Asked<'_>) -> Answer {
    let shared = asked.shared;
    let status = match shared.is_live() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let state = match shared.is_live() || shared.phase() != crate::handle::Phase::Ready {
        true => shared.phase().as_str(),
        // It was told to say so.
        false => "DRAINING",
    };
    Ok((status, format!("{state}\n")).into_response())
}
