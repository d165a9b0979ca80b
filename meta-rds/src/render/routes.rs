//! Route tables.

use meta_core::{Change, Fraction, MetadataMatcher, Mirror, Mutation, Route, Rule};
use meta_router::RouteTable;
use serde_json::{Value, json};

use super::Fields;
use crate::convert::HashKeys;

/// `aeraki.meta_protocol_proxy.config.route.v1alpha.RouteConfiguration`. Timeouts, and
/// keys that mutations remove, have no field.
pub fn render_routes(table: &RouteTable) -> Value {
    let routes = table.routes();
    let routes: Vec<_> = routes.map(|(matchers, to)| route(matchers, to)).collect();
    json!({ "name": &**table.name(), "routes": routes })
}

fn route(matchers: &[MetadataMatcher], route: &Route) -> Value {
    let mut fields = Fields::default();
    fields.set("name", &*route.name);
    if !matchers.is_empty() {
        let metadata: Vec<_> = matchers.iter().map(matcher).collect();
        fields.set("match", json!({ "metadata": metadata }));
    }
    fields.set("route", action(route));
    for (name, mutation) in [
        ("request_mutation", &route.request_mutation),
        ("response_mutation", &route.response_mutation),
    ] {
        if !mutation.is_empty() {
            fields.set(name, pairs(mutation));
        }
    }
    fields.into_value()
}

fn matcher(matcher: &MetadataMatcher) -> Value {
    let mut fields = Fields::default();
    fields.set("name", matcher.name.as_str());
    let text = match &matcher.rule {
        Rule::Present(present) => {
            fields.set("present_match", *present);
            None
        }
        Rule::Range(range) => {
            // 64 bits are text in JSON.
            let (start, end) = (range.start.to_string(), range.end.to_string());
            fields.set("range_match", json!({ "start": start, "end": end }));
            None
        }
        Rule::Exact(text) => Some(("exact", text.as_str().into())),
        Rule::Prefix(text) => Some(("prefix", text.as_str().into())),
        Rule::Suffix(text) => Some(("suffix", text.as_str().into())),
        Rule::Contains(text) => Some(("contains", text.as_str().into())),
        Rule::Regex(regex) => {
            let whole = regex.as_str();
            let inner = whole.strip_prefix("^(?:");
            let inner = inner.and_then(|inner| inner.strip_suffix(")$"));
            Some(("safe_regex", json!({ "regex": inner.unwrap_or(whole) })))
        }
        _ => None,
    };
    if let Some((pattern, value)) = text {
        let mut string = Fields::default();
        string.set(pattern, value);
        string.set_unless("ignore_case", matcher.ignore_case, false, Value::from);
        fields.set("string_match", string.into_value());
    }
    fields.set_unless("invert_match", matcher.invert, false, Value::from);
    fields.set_unless(
        "treat_missing_header_as_empty",
        matcher.missing_as_empty,
        false,
        Value::from,
    );
    fields.into_value()
}

fn action(route: &Route) -> Value {
    let mut fields = Fields::default();
    match &route.destinations[..] {
        [only] => fields.set("cluster", &*only.cluster),
        several => {
            let weighted = several.iter();
            let weighted = weighted.map(|to| json!({ "name": &*to.cluster, "weight": to.weight }));
            let clusters: Vec<_> = weighted.collect();
            fields.set("weighted_clusters", json!({ "clusters": clusters }));
        }
    }
    if let Some(HashKeys(keys)) = route.extensions.get() {
        fields.set("hash_policy", keys.clone());
    }
    if !route.mirrors.is_empty() {
        let policies: Vec<_> = route.mirrors.iter().map(mirror).collect();
        fields.set("request_mirror_policies", policies);
    }
    fields.into_value()
}

fn mirror(mirror: &Mirror) -> Value {
    let Fraction { numerator, per } = mirror.fraction;
    let (numerator, denominator) = match per {
        1_000_000 => (numerator, "MILLION"),
        10_000 => (numerator, "TEN_THOUSAND"),
        100 => (numerator, "HUNDRED"),
        per => {
            let millionths = u64::from(numerator) * 1_000_000 / u64::from(per.max(1));
            (u32::try_from(millionths).unwrap_or(1_000_000), "MILLION")
        }
    };
    json!({
        "cluster": &*mirror.cluster,
        "runtime_fraction": {
            "default_value": { "numerator": numerator, "denominator": denominator },
        },
    })
}

fn pairs(mutation: &Mutation) -> Vec<Value> {
    let changes = mutation.iter();
    let set = changes.filter_map(|change| match change {
        Change::Set { key, value } => Some(json!({ "key": &**key, "value": &**value })),
        _ => None,
    });
    set.collect()
}
