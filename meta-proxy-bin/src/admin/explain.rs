//! `/explain`: which route a request would take, by the routes in force.

use std::sync::Arc;

use axum::response::IntoResponse;

use super::pages::{Answer, Asked, Effect, Page, json};
use crate::{
    explain::{Call, Place, choose},
    listener::Listener,
};

pub(super) const EXPLAIN: Page = Page {
    path: "/explain",
    effect: Effect::None,
    text: "which route a request would take, and why",
    queries: &[
        ("listener", "its name; may be left out where there is one"),
        (
            "chain",
            "the filter chain: its name, its place, or default; may be left out where there is one",
        ),
        (
            "attr.NAME",
            "an attribute of the request, or of its connection where NAME is that of one",
        ),
        ("header.NAME", "an attribute that the client itself sends"),
        ("one_way", "the request is a one-way call"),
        ("format", "text or json"),
    ],
    answer,
};

fn answer(asked: &Asked<'_>) -> Answer {
    let query = asked.query;
    let is_json = query.choice("format", &[("text", false), ("json", true)])?;
    let listener = listener(&asked.shared.plan.listeners, query.value("listener"))?;
    let names: Vec<_> = listener.chains.iter().map(|it| &*it.config.name).collect();
    let has_default = listener.config.default_chain.is_some();
    let chosen = choose(&names, has_default, query.value("chain"));
    let (at, label) = chosen.map_err(|text| format!("chain: {text}"))?;
    let chain = listener.chains.get(at).ok_or("chain: there is none")?;
    let mut call = Call::new(query.has("one_way"));
    for (name, value) in query.pairs() {
        if let Some(name) = name.strip_prefix("attr.") {
            let added = call.attribute(name, value);
            added.map_err(|text| format!("attr.{text}"))?;
        } else if let Some(name) = name.strip_prefix("header.") {
            call.header(name, value);
        }
    }
    let table = chain.routes.current();
    let place = Place {
        listener: &listener.config.name,
        chain: &label,
        table: &table,
    };
    let explained = place.explain(&call);
    Ok(match is_json {
        true => json(&explained.json()),
        false => explained.to_string().into_response(),
    })
}

fn listener<'a>(all: &'a [Arc<Listener>], name: Option<&str>) -> Result<&'a Listener, String> {
    let found = match (name, all) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), _) => all.iter().find(|listener| *listener.config.name == *name),
    };
    found.map(|listener| &**listener).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|it| &*it.config.name).collect();
        format!("listener: expected one of {}", names.join(", "))
    })
}
