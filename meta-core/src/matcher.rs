//! Matchers: conditions on a message's metadata.

use std::{fmt, ops::Range};

use regex::Regex;

use crate::{
    connection_attribute::ConnectionAttribute, metadata::Metadata, request::Request,
    session::ConnectionInfo,
};

mod text;

/// A condition on one attribute; Envoy's `HeaderMatcher` in plain types.
///
/// A missing attribute fails every rule but [`Rule::Present`], inverted or not,
/// unless `missing_as_empty` says to read it as the empty string.
///
/// ```
/// use meta_core::{MetadataMatcher, Rule};
///
/// let canary = MetadataMatcher::new("user", Rule::Prefix("test-".into()));
/// assert!(canary.matches_value(Some("test-7")));
/// assert!(!canary.matches_value(None));
/// ```
#[derive(Clone, Debug)]
pub struct MetadataMatcher {
    /// The attribute.
    pub name: String,
    /// What it must be.
    pub rule: Rule,
    /// Match what the rule does not.
    pub invert: bool,
    /// Compare without regard to ASCII case; for the text rules alone.
    pub ignore_case: bool,
    /// Read a missing attribute as the empty string.
    pub missing_as_empty: bool,
}

/// What an attribute must be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// This very text.
    Exact(String),
    /// Text that begins so.
    Prefix(String),
    /// Text that ends so.
    Suffix(String),
    /// Text that holds this.
    Contains(String),
    /// Text that matches from its first to its last character, in linear time.
    Regex(Box<Regex>),
    /// A decimal integer within the range, the end excluded.
    Range(Range<i64>),
    /// There (`true`), or not there (`false`).
    Present(bool),
}

impl Rule {
    /// A rule of the given expression, which must match the whole text.
    ///
    /// # Errors
    ///
    /// Where the expression cannot be compiled.
    pub fn regex(expression: &str) -> Result<Self, InvalidRegex> {
        Regex::new(&format!("^(?:{expression})$"))
            .map(|regex| Self::Regex(Box::new(regex)))
            .map_err(|error| InvalidRegex {
                expression: expression.to_owned(),
                reason: error.to_string(),
            })
    }
}

/// An expression that cannot be compiled.
#[derive(Clone, Debug)]
pub struct InvalidRegex {
    expression: String,
    reason: String,
}

impl fmt::Display for InvalidRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid regex {:?}: {}", self.expression, self.reason)
    }
}

impl std::error::Error for InvalidRegex {}

impl MetadataMatcher {
    /// A matcher that is neither inverted nor lenient.
    pub fn new(name: impl Into<String>, rule: Rule) -> Self {
        Self {
            name: name.into(),
            rule,
            invert: false,
            ignore_case: false,
            missing_as_empty: false,
        }
    }

    /// Whether `metadata` fulfil the condition. Those of a message say nothing of its
    /// connection: what has the name of a [`ConnectionAttribute`] is missing here.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        let value = match ConnectionAttribute::of_name(&self.name) {
            Some(_) => None,
            None => metadata.get(&self.name),
        };
        self.matches_value(value)
    }

    /// Whether a request fulfils the condition: the metadata of its message, or its
    /// connection where the name is that of a [`ConnectionAttribute`].
    pub fn matches_request(&self, request: &Request) -> bool {
        match ConnectionAttribute::of_name(&self.name) {
            Some(attribute) => self.matches_connection(attribute, request.session().info()),
            None => self.matches_value(request.metadata().get(&self.name)),
        }
    }

    /// Whether this attribute of a connection fulfils the condition.
    pub fn matches_connection(
        &self,
        attribute: ConnectionAttribute,
        connection: &ConnectionInfo,
    ) -> bool {
        self.matches_value(attribute.value(connection).as_deref())
    }

    /// Whether an attribute of this value fulfils the condition.
    pub fn matches_value(&self, value: Option<&str>) -> bool {
        let value = match value {
            None if self.missing_as_empty => Some(""),
            value => value,
        };
        let holds = match (&self.rule, value) {
            (Rule::Present(present), value) => value.is_some() == *present,
            (_, None) => return false,
            (rule, Some(value)) => self.holds(rule, value),
        };
        holds != self.invert
    }

    fn holds(&self, rule: &Rule, value: &str) -> bool {
        let (bytes, fold) = (value.as_bytes(), self.ignore_case);
        match rule {
            Rule::Exact(text) => same(bytes, text, fold),
            Rule::Prefix(text) => bytes
                .get(..text.len())
                .is_some_and(|head| same(head, text, fold)),
            Rule::Suffix(text) => bytes
                .len()
                .checked_sub(text.len())
                .and_then(|start| bytes.get(start..))
                .is_some_and(|tail| same(tail, text, fold)),
            Rule::Contains(text) if fold => {
                text.is_empty() || bytes.windows(text.len()).any(|part| same(part, text, fold))
            }
            Rule::Contains(text) => value.contains(text.as_str()),
            Rule::Regex(regex) => regex.is_match(value),
            Rule::Range(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Rule::Present(present) => *present,
        }
    }
}

fn same(bytes: &[u8], text: &str, ignore_case: bool) -> bool {
    if ignore_case {
        bytes.eq_ignore_ascii_case(text.as_bytes())
    } else {
        bytes == text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(rule: Rule) -> MetadataMatcher {
        MetadataMatcher::new("key", rule)
    }

    #[test]
    fn every_rule() {
        let regex = |text| Rule::regex(text).expect("is a regex");
        let cases = [
            (Rule::Exact("abc".into()), "abc", "ABC"),
            (Rule::Prefix("ab".into()), "abc", "a"),
            (Rule::Suffix("bc".into()), "abc", "abcd"),
            (Rule::Contains("b".into()), "abc", "ac"),
            (regex("a.c|x"), "abc", "a\nc"),
            (regex("b|x"), "b", "bx"),
            (Rule::Range(-5..10), "-5", "10"),
            (Rule::Range(0..10), "3", "3.0"),
        ];
        for (rule, yes, no) in cases {
            let plain = matcher(rule.clone());
            assert!(plain.matches_value(Some(yes)), "{rule:?} {yes}");
            assert!(!plain.matches_value(Some(no)), "{rule:?} {no}");
            assert!(!plain.matches_value(None), "{rule:?} missing");
            let inverted = MetadataMatcher {
                invert: true,
                ..matcher(rule.clone())
            };
            assert!(!inverted.matches_value(Some(yes)), "not {rule:?} {yes}");
            assert!(inverted.matches_value(Some(no)), "not {rule:?} {no}");
            assert!(!inverted.matches_value(None), "not {rule:?} missing");
        }
    }

    #[test]
    fn case_is_ignored_where_asked() {
        for rule in [
            Rule::Exact("aBc".into()),
            Rule::Prefix("aB".into()),
            Rule::Suffix("Bc".into()),
            Rule::Contains("B".into()),
        ] {
            let folded = MetadataMatcher {
                ignore_case: true,
                ..matcher(rule)
            };
            assert!(folded.matches_value(Some("AbC")), "{folded:?}");
            assert!(!folded.matches_value(Some("xyz")), "{folded:?}");
        }
    }

    #[test]
    fn a_missing_attribute() {
        assert!(matcher(Rule::Present(false)).matches_value(None));
        assert!(!matcher(Rule::Present(true)).matches_value(None));
        assert!(matcher(Rule::Present(true)).matches_value(Some("")));
        let empty = MetadataMatcher {
            missing_as_empty: true,
            invert: true,
            ..matcher(Rule::Range(0..10))
        };
        assert!(empty.matches_value(None));
    }

    #[test]
    fn a_bad_regex_is_named() {
        let error = Rule::regex("a(").expect_err("unbalanced").to_string();
        assert!(error.contains("\"a(\""), "{error}");
    }
}
