//! The table of pages, and how a request finds its own.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN},
    },
    response::{Html, IntoResponse, Response},
};
use serde_json::Value;

use super::{
    certs, clusters, config_dump, drain, explain, listeners, logging, memory, query::Query,
    runtime, server_info, state, stats,
};
use crate::supervisor::Shared;

/// One page.
pub(super) struct Page {
    pub(super) path: &'static str,
    pub(super) effect: Effect,
    pub(super) text: &'static str,
    /// What may stand behind the question mark, and what it means; `NAME` at the end of
    /// one stands for any text.
    pub(super) queries: &'static [(&'static str, &'static str)],
    /// May take a while; it is not called on a worker.
    pub(super) answer: fn(&Asked<'_>) -> Answer,
}

/// Whether a page changes anything, which takes a POST.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Changes,
    /// Where it is asked to; it sees to that itself, and to its queries.
    May,
}

/// What a page is asked.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) query: &'a Query,
    pub(super) is_post: bool,
}

/// A page, or what is wrong with what was asked.
pub(super) type Answer = Result<Response, String>;

/// All pages; `/help` and `/` are made of this table.
pub(super) const PAGES: &[Page] = &[
    Page {
        path: "/",
        effect: Effect::None,
        text: "the pages, for browsers",
        queries: &[],
        answer: |_| Ok(Html(index()).into_response()),
    },
    certs::CERTS,
    clusters::CLUSTERS,
    config_dump::CONFIG_DUMP,
    drain::DRAIN_LISTENERS,
    explain::EXPLAIN,
    state::HEALTHCHECK_FAIL,
    state::HEALTHCHECK_OK,
    Page {
        path: "/help",
        effect: Effect::None,
        text: "this page",
        queries: &[],
        answer: |_| Ok(help().into_response()),
    },
    state::HOT_RESTART_VERSION,
    listeners::LISTENERS,
    logging::LOGGING,
    memory::MEMORY,
    state::QUITQUITQUIT,
    state::READY,
    stats::RESET_COUNTERS,
    runtime::RUNTIME,
    server_info::SERVER_INFO,
    stats::STATS,
    stats::PROMETHEUS,
];

/// Answers with the pages of a proxy.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let page = PAGES.iter().find(|page| page.path == request.uri().path());
    let Some(page) = page else {
        return (StatusCode::NOT_FOUND, help()).into_response();
    };
    let query = match Query::of(request.uri()) {
        Ok(query) => query,
        Err(text) => return refused(&text),
    };
    let is_post = request.method() == Method::POST;
    if !(is_post || [Method::GET, Method::HEAD].contains(request.method())) {
        return not_allowed("GET, HEAD, POST");
    }
    if page.effect == Effect::Changes && !is_post {
        return not_allowed("POST");
    }
    if page.effect != Effect::None && is_post && is_foreign(request.headers()) {
        let text = "what other sites ask of browsers is not done here\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let unknown = |name: &str| !page.queries.iter().any(|(own, _)| is_query(own, name));
    if page.effect != Effect::May
        && let Some((name, _)) = query.pairs().find(|(name, _)| unknown(name))
    {
        return refused(&format!("there is no query {name:?}; see /help"));
    }
    // What is slow to make is to keep nobody waiting who wants to connect.
    let made = tokio::task::spawn_blocking(move || {
        let (shared, query) = (&shared, &query);
        (page.answer)(&Asked {
            shared,
            query,
            is_post,
        })
    });
    match made.await {
        Ok(answer) => answer.unwrap_or_else(|text| refused(&text)),
        Err(error) => {
            tracing::error!(%error, path = page.path, "an admin page failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Whether a query of a page's table is meant by `name`.
fn is_query(own: &str, name: &str) -> bool {
    match own.strip_suffix("NAME") {
        Some(begin) => name.len() > begin.len() && name.starts_with(begin),
        None => own == name,
    }
}

fn refused(text: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{text}\n")).into_response()
}

/// The answer to a method that does not do.
pub(super) fn not_allowed(allowed: &'static str) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let text = format!("Method Not Allowed: this takes {allowed}\n");
    (status, [(ALLOW, allowed)], text).into_response()
}

/// A page in JSON.
pub(super) fn json(value: &Value) -> Response {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text + "\n").into_response()
}

/// Whether a browser asks on behalf of another site's page.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(ORIGIN) else {
        return false;
    };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_none() || authority != text(HOST)
}

fn help() -> String {
    let mut text = String::from("admin commands are:\n");
    for page in PAGES {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {}: {}{}", page.path, page.text, suffix(page));
        for (name, meaning) in page.queries {
            let _ = writeln!(text, "      {name}: {meaning}");
        }
    }
    text
}

fn index() -> String {
    let mut text = String::from(
        "<!DOCTYPE html>\n<html><head><title>meta-proxy admin</title></head>\n<body><table>\n",
    );
    for page in PAGES {
        let Page { path, effect, .. } = page;
        let link = match effect {
            Effect::Changes => format!(
                "<form action=\"{path}\" method=\"post\"><button>{}</button></form>",
                path.trim_start_matches('/')
            ),
            _ => format!("<a href=\"{path}\">{path}</a>"),
        };
        let _ = writeln!(text, "<tr><td>{link}</td><td>{}</td></tr>", page.text);
    }
    text + "</table></body></html>\n"
}

fn suffix(page: &Page) -> &'static str {
    match page.effect {
        Effect::Changes => " (POST)",
        Effect::None | Effect::May => "",
    }
}
