//! What stands behind the question mark.

use axum::{extract::Query as Pairs, http::Uri};
use regex::Regex;

/// Names and values, in order.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Result<Self, String> {
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
        let pairs = pairs.map_err(|error| format!("the query cannot be read: {error}"))?;
        Ok(Self(pairs.0))
    }

    /// The value of the last of this name; empty where it has none.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter().rev();
        pairs.find_map(|(own, value)| (own == name).then_some(value.as_str()))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// All of them.
    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// An expression; with `whole` it has to match from the first to the last
    /// character.
    pub(super) fn regex(&self, name: &str, whole: bool) -> Result<Option<Regex>, String> {
        let Some(expression) = self.value(name) else {
            return Ok(None);
        };
        let regex = match whole {
            true => Regex::new(&format!("^(?:{expression})$")),
            false => Regex::new(expression),
        };
        regex.map(Some).map_err(|error| format!("{name}: {error}"))
    }

    /// Which of `choices` the value is; the first where there is no such name.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, String> {
        let names = || {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            names.join(", ")
        };
        let found = match self.value(name) {
            None => choices.first(),
            Some(value) => choices
                .iter()
                .find(|(own, _)| own.eq_ignore_ascii_case(value)),
        };
        let found = found.map(|(_, choice)| *choice);
        found.ok_or_else(|| format!("{name}: expected one of {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        let uri = text.parse().expect("an address");
        Query::of(&uri).expect("a query")
    }

    #[test]
    fn names_go_with_and_without_values() {
        let query = query("/x?a=1&b&a=2%20");
        assert_eq!(query.value("a"), Some("2 "));
        assert_eq!(query.value("b"), Some(""));
        assert!(!query.has("c"));
    }

    #[test]
    fn choices_are_named_where_none_fits() {
        let choices = [("text", 1), ("json", 2)];
        assert_eq!(query("/x").choice("format", &choices), Ok(1));
        assert_eq!(query("/x?format=JSON").choice("format", &choices), Ok(2));
        let error = query("/x?format=xml").choice("format", &choices);
        let expected = "format: expected one of text, json";
        assert_eq!(error, Err(expected.to_owned()));
    }

    #[test]
    fn expressions_match_in_part_or_whole() {
        let query = query("/x?r=b.");
        let regex = |whole| query.regex("r", whole).expect("it can be read");
        assert!(regex(false).expect("it is there").is_match("abc"));
        assert!(!regex(true).expect("it is there").is_match("abc"));
    }
}
