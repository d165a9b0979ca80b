//! The admin pages.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use regex::Regex;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::{handle::Phase, supervisor::Shared};

const HELP: &str = include_str!("admin/help.txt");
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers on `socket` until dropped.
pub(crate) async fn serve(socket: TcpListener, shared: Arc<Shared>) {
    let pages = Router::new()
        .route("/", get(HELP))
        .route("/help", get(HELP))
        .route("/ready", get(ready))
        .route("/stats", get(stats))
        .route("/stats/prometheus", get(prometheus))
        .fallback((StatusCode::NOT_FOUND, HELP))
        .with_state(shared);
    if let Err(error) = axum::serve(socket, pages).await {
        tracing::error!(%error, "the admin has ended");
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    let phase = shared.phase();
    let status = match phase {
        Phase::Ready => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{phase}\n"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatsQuery {
    /// An expression that names have to match in part.
    filter: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Text,
    Json,
    Prometheus,
}

async fn stats(State(shared): State<Arc<Shared>>, Query(query): Query<StatsQuery>) -> Response {
    let mut stats = shared.stats();
    if let Some(expression) = query.filter {
        match Regex::new(&expression) {
            Ok(filter) => stats = stats.filtered(|name| filter.is_match(name)),
            Err(error) => {
                let text = format!("filter: {error}\n");
                return (StatusCode::BAD_REQUEST, text).into_response();
            }
        }
    }
    match query.format {
        Format::Text => stats.to_text().into_response(),
        Format::Json => {
            let json = [(CONTENT_TYPE, "application/json")];
            (json, stats.to_json().to_string()).into_response()
        }
        Format::Prometheus => ([(CONTENT_TYPE, PROMETHEUS)], stats.to_prometheus()).into_response(),
    }
}

async fn prometheus(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS)], shared.stats().to_prometheus()).into_response()
}
