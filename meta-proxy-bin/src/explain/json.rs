//! Explanations as JSON.

use meta_core::{Change, MetadataMatcher, Mutation, Route, Rule};
use meta_router::{AskedCondition, AskedRoute};
use serde_json::{Value, json};

use super::Explained;

pub(super) fn of(it: &Explained<'_>) -> Value {
    let place = it.place;
    let asked = it.explanation.asked.iter().map(route);
    let matched = it.explanation.matched();
    json!({
        "listener": place.listener,
        "filter_chain": place.chain,
        "routes": place.table.len(),
        "asked": asked.collect::<Vec<_>>(),
        "not_asked": it.explanation.not_asked,
        "matched": matched.map(|asked| way(asked, it.call.is_one_way())),
    })
}

fn route(asked: &AskedRoute<'_>) -> Value {
    json!({
        "index": asked.index,
        "name": &*asked.route.name,
        "matches": asked.matches(),
        "conditions": asked.conditions.iter().map(condition).collect::<Vec<_>>(),
    })
}

fn condition(asked: &AskedCondition<'_>) -> Value {
    let MetadataMatcher {
        name,
        rule,
        invert,
        ignore_case,
        missing_as_empty,
    } = asked.matcher;
    let (rule, value) = described(rule);
    json!({
        "name": name,
        "of": match asked.of_connection {
            Some(_) => "connection",
            None => "message",
        },
        "rule": rule,
        "value": value,
        "invert": invert,
        "ignore_case": ignore_case,
        "missing_as_empty": missing_as_empty,
        "found": asked.found,
        "holds": asked.holds,
    })
}

/// What a rule is called, and what it asks for.
fn described(rule: &Rule) -> (&'static str, Value) {
    match rule {
        Rule::Exact(text) => ("exact", json!(text)),
        Rule::Prefix(text) => ("prefix", json!(text)),
        Rule::Suffix(text) => ("suffix", json!(text)),
        Rule::Contains(text) => ("contains", json!(text)),
        Rule::Regex(_) => ("regex", json!(rule.expression())),
        Rule::Range(range) => {
            let range = json!({ "start": range.start, "end": range.end });
            ("range", range)
        }
        Rule::Present(present) => ("present", json!(present)),
        _ => ("other", Value::Null),
    }
}

/// Where requests of a route go, and how.
fn way(asked: &AskedRoute<'_>, is_one_way: bool) -> Value {
    let route: &Route = asked.route;
    let clusters = route.destinations.iter();
    let clusters = clusters.map(|to| json!({ "name": &*to.cluster, "weight": to.weight }));
    let mirrors = route.mirrors.iter().map(|mirror| {
        json!({
            "cluster": &*mirror.cluster,
            "numerator": mirror.fraction.numerator,
            "per": mirror.fraction.per,
        })
    });
    let timeout = route.effective_timeout();
    let response = match is_one_way {
        true => Vec::new(),
        false => changes(&route.response_mutation),
    };
    json!({
        "index": asked.index,
        "name": &*route.name,
        "clusters": clusters.collect::<Vec<_>>(),
        "mirrors": mirrors.collect::<Vec<_>>(),
        // None at all is null.
        "timeout_seconds": timeout.map(|timeout| timeout.as_secs_f64()),
        "timeout_is_default": route.timeout.is_none(),
        "request_mutation": changes(&route.request_mutation),
        "response_mutation": response,
    })
}

/// Of what is removed the value is null.
fn changes(mutation: &Mutation) -> Vec<Value> {
    let changes = mutation.iter().map(|change| {
        let value = match change {
            Change::Set { value, .. } => Some(&**value),
            _ => None,
        };
        json!({ "key": &**change.key(), "value": value })
    });
    changes.collect()
}
