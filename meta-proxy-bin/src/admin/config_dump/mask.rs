//! Field masks: which fields are wanted.

use serde_json::{Map, Value};

/// Paths of fields in snake_case, their steps divided by dots. Within lists a path
/// goes on in each item.
pub(super) struct Mask(Vec<Vec<String>>);

impl Mask {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let paths: Vec<Vec<String>> = text
            .split(',')
            .map(|path| path.split('.').map(|step| step.trim().to_owned()).collect())
            .collect();
        let is_empty = |path: &Vec<String>| path.iter().any(String::is_empty);
        match paths.iter().any(is_empty) {
            true => Err(format!("mask: {text:?} has a path without a name")),
            false => Ok(Self(paths)),
        }
    }

    /// Leaves the fields wanted, and what says of which type they are.
    pub(super) fn apply(&self, value: &mut Value) {
        let paths: Vec<_> = self.0.iter().map(Vec::as_slice).collect();
        keep(value, &paths);
    }
}

fn keep(value: &mut Value, paths: &[&[String]]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| keep(item, paths)),
        Value::Object(fields) => {
            let all = std::mem::take(fields);
            *fields = kept(all, paths);
        }
        _ => {}
    }
}

fn kept(all: Map<String, Value>, paths: &[&[String]]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, mut value) in all {
        if name == "@type" {
            fields.insert(name, value);
            continue;
        }
        let within = paths.iter().filter_map(|path| match path.split_first() {
            Some((first, rest)) if *first == name => Some(rest),
            _ => None,
        });
        let within: Vec<_> = within.collect();
        if within.is_empty() {
            continue;
        }
        // A path that ends here wants all of it.
        if !within.iter().any(|rest| rest.is_empty()) {
            keep(&mut value, &within);
        }
        fields.insert(name, value);
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wanted_stays() {
        let mut value = json!({
            "@type": "t", "a": 1, "b": { "c": 2, "d": 3 }, "e": [ { "f": 4, "g": 5 }, { "g": 6 } ],
        });
        Mask::parse("b.c,e.f").expect("paths").apply(&mut value);
        let expected = json!({ "@type": "t", "b": { "c": 2 }, "e": [ { "f": 4 }, {} ] });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_path_wants_all_that_is_below() {
        let mut value = json!({ "a": { "b": 1, "c": 2 } });
        let same = value.clone();
        Mask::parse("a.b,a").expect("paths").apply(&mut value);
        assert_eq!(value, same);
        Mask::parse("a..b").err().expect("a step without a name");
    }
}
