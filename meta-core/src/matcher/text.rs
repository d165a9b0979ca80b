//! Matchers in words, for people.

use std::fmt;

use crate::matcher::{MetadataMatcher, Rule};

/// `method is "hello"`, `user does not begin with "test-"`.
impl fmt::Display for MetadataMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, not_verb, object) = match &self.rule {
            Rule::Exact(text) => ("is", "is not", format!("{text:?}")),
            Rule::Prefix(text) => ("begins with", "does not begin with", format!("{text:?}")),
            Rule::Suffix(text) => ("ends with", "does not end with", format!("{text:?}")),
            Rule::Contains(text) => ("contains", "does not contain", format!("{text:?}")),
            Rule::Regex(_) => {
                let expression = self.rule.expression().unwrap_or_default();
                ("matches", "does not match", format!("{expression:?}"))
            }
            Rule::Range(range) => {
                let range = format!("a number from {} and below {}", range.start, range.end);
                ("is", "is not", range)
            }
            Rule::Present(present) => {
                let text = match present != &self.invert {
                    true => "is there",
                    false => "is not there",
                };
                (text, text, String::new())
            }
        };
        let verb = if self.invert { not_verb } else { verb };
        write!(f, "{} {verb}", self.name)?;
        if !object.is_empty() {
            write!(f, " {object}")?;
        }
        if self.ignore_case {
            f.write_str(", whatever its case")?;
        }
        if self.missing_as_empty {
            f.write_str(", missing being empty")?;
        }
        Ok(())
    }
}

impl Rule {
    /// The expression that [`Rule::regex`] was given; `None` of other rules.
    pub fn expression(&self) -> Option<&str> {
        let Self::Regex(regex) = self else {
            return None;
        };
        let whole = regex.as_str();
        let inner = whole.strip_prefix("^(?:");
        Some(inner.and_then(|it| it.strip_suffix(")$")).unwrap_or(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_in_words() {
        let regex = Rule::regex("a|b").expect("is a regex");
        for (rule, plain, inverted) in [
            (Rule::Exact("x\n".into()), r#"is "x\n""#, r#"is not "x\n""#),
            (
                Rule::Prefix("x".into()),
                r#"begins with "x""#,
                r#"does not begin with "x""#,
            ),
            (
                Rule::Suffix("x".into()),
                r#"ends with "x""#,
                r#"does not end with "x""#,
            ),
            (
                Rule::Contains("x".into()),
                r#"contains "x""#,
                r#"does not contain "x""#,
            ),
            (regex, r#"matches "a|b""#, r#"does not match "a|b""#),
            (
                Rule::Range(-1..9),
                "is a number from -1 and below 9",
                "is not a number from -1 and below 9",
            ),
            (Rule::Present(true), "is there", "is not there"),
            (Rule::Present(false), "is not there", "is there"),
        ] {
            let mut matcher = MetadataMatcher::new("key", rule);
            assert_eq!(matcher.to_string(), format!("key {plain}"));
            matcher.invert = true;
            assert_eq!(matcher.to_string(), format!("key {inverted}"));
        }
    }

    #[test]
    fn flags_in_words() {
        let mut matcher = MetadataMatcher::new("key", Rule::Exact("x".into()));
        (matcher.ignore_case, matcher.missing_as_empty) = (true, true);
        assert_eq!(
            matcher.to_string(),
            r#"key is "x", whatever its case, missing being empty"#
        );
    }
}
