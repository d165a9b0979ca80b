//! `/config_dump`: the configuration in force, without secrets.

use axum::{http::StatusCode, response::IntoResponse};
use regex::Regex;
use serde_json::{Value, json};

use super::pages::{Answer, Asked, Effect, Page, json};
use crate::document;

mod dumps;
mod mask;

use self::mask::Mask;

pub(super) const CONFIG_DUMP: Page = Page {
    path: "/config_dump",
    effect: Effect::None,
    text: "the configuration in force, without secrets, in JSON",
    queries: &[
        (
            "resource",
            "one list alone, such as static_clusters or static_route_configs",
        ),
        (
            "mask",
            "the fields wanted, comma-separated, such as bootstrap.node,static_clusters",
        ),
        ("name_regex", "resources whose whole names match"),
        ("include_eds", "the endpoints in force, too"),
    ],
    answer,
};

/// A dump of one kind of resource: a message of lists.
struct Dump {
    type_url: &'static str,
    /// The lists' names, the type of their items and the items.
    lists: Vec<(&'static str, &'static str, Vec<Item>)>,
}

/// A resource, and how it is shown.
struct Item {
    name: String,
    value: Value,
}

fn answer(asked: &Asked<'_>) -> Answer {
    let query = asked.query;
    let name_regex = query.regex("name_regex", true)?;
    let mask = query.value("mask").map(Mask::parse).transpose()?;
    let document = document::of(asked.shared);
    let mut dumps = dumps::dumps(asked.shared, &document, query.has("include_eds"));
    if let Some(regex) = &name_regex {
        dumps.iter_mut().for_each(|dump| dump.keep(regex));
    }
    if let Some(resource) = query.value("resource") {
        return Ok(one(dumps, resource, mask.as_ref()));
    }
    let bootstrap = dumps::bootstrap(asked.shared, document);
    let all = [bootstrap]
        .into_iter()
        .chain(dumps.into_iter().map(Dump::into_value));
    let mut configs = Vec::new();
    for mut config in all {
        if let Some(mask) = &mask {
            mask.apply(&mut config);
            // Nothing of it is wanted.
            if config.as_object().is_some_and(|fields| fields.len() <= 1) {
                continue;
            }
        }
        configs.push(config);
    }
    if mask.is_some() && configs.is_empty() {
        return Err("mask: there is no such field in any configuration".to_owned());
    }
    Ok(json(&json!({ "configs": configs })))
}

/// The items of one list, each for itself.
fn one(dumps: Vec<Dump>, resource: &str, mask: Option<&Mask>) -> axum::response::Response {
    let lists = dumps.into_iter().flat_map(|dump| dump.lists);
    let found = lists.into_iter().find(|(name, ..)| *name == resource);
    let Some((_, type_url, items)) = found else {
        let text = format!("{resource} not found in config dump\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let configs = items.into_iter().map(|item| {
        let mut value = with_type(type_url, item.value);
        if let Some(mask) = mask {
            mask.apply(&mut value);
        }
        value
    });
    json(&json!({ "configs": configs.collect::<Vec<_>>() }))
}

impl Dump {
    fn keep(&mut self, regex: &Regex) {
        for (_, _, items) in &mut self.lists {
            items.retain(|item| regex.is_match(&item.name));
        }
    }

    fn into_value(self) -> Value {
        let mut value = json!({ "@type": self.type_url });
        for (name, _, items) in self.lists {
            if !items.is_empty() {
                value[name] = items.into_iter().map(|item| item.value).collect();
            }
        }
        value
    }
}

/// The value, its type in front.
fn with_type(type_url: &str, value: Value) -> Value {
    let mut typed = json!({ "@type": type_url });
    if let (Some(typed), Value::Object(fields)) = (typed.as_object_mut(), value) {
        typed.extend(fields);
    }
    typed
}
