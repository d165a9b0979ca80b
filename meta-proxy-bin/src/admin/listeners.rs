//! `/listeners`: where requests come in.

use std::fmt::Write as _;

use axum::response::IntoResponse;
use meta_rds::render_address;
use serde_json::json;

use super::pages::{Answer, Asked, Effect, Page, json};

pub(super) const LISTENERS: Page = Page {
    path: "/listeners",
    effect: Effect::None,
    text: "the listeners that accept connections, and where",
    queries: &[("format", "text or json")],
    answer,
};

fn answer(asked: &Asked<'_>) -> Answer {
    let shared = asked.shared;
    let is_json = asked
        .query
        .choice("format", &[("text", false), ("json", true)])?;
    let accepting = shared.accepting();
    if is_json {
        let statuses = accepting.map(|(name, addresses)| {
            let mut addresses = addresses.iter().map(render_address);
            let mut status = json!({ "name": &**name, "local_address": addresses.next() });
            let additional: Vec<_> = addresses.collect();
            if !additional.is_empty() {
                status["additional_local_addresses"] = additional.into();
            }
            status
        });
        let statuses: Vec<_> = statuses.collect();
        return Ok(json(&json!({ "listener_statuses": statuses })));
    }
    let mut text = String::new();
    let each = accepting.flat_map(|(name, all)| all.iter().map(move |at| (name, at)));
    for (name, address) in each {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}::{address}");
    }
    Ok(text.into_response())
}
