//! Conditions on metadata.

use envoy_types::pb::envoy::{
    config::route::v3::{HeaderMatcher, header_matcher::HeaderMatchSpecifier},
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};
use meta_core::{MetadataMatcher, Rule};

use super::Converter;
use crate::path::Path;

impl Converter<'_> {
    /// Without a specifier the attribute has to be there.
    #[expect(deprecated, reason = "the deprecated forms are those in use")]
    pub(super) fn matcher(
        &mut self,
        raw: &HeaderMatcher,
        path: &Path<'_>,
    ) -> Option<MetadataMatcher> {
        use HeaderMatchSpecifier as Specifier;
        let mut ignore_case = false;
        let rule = match &raw.header_match_specifier {
            None => Rule::Present(true),
            Some(Specifier::ExactMatch(text)) => Rule::Exact(text.clone()),
            Some(Specifier::PrefixMatch(text)) => Rule::Prefix(text.clone()),
            Some(Specifier::SuffixMatch(text)) => Rule::Suffix(text.clone()),
            Some(Specifier::ContainsMatch(text)) => Rule::Contains(text.clone()),
            Some(Specifier::PresentMatch(present)) => Rule::Present(*present),
            Some(Specifier::RangeMatch(range)) => Rule::Range(range.start..range.end),
            Some(Specifier::SafeRegexMatch(regex)) => {
                self.regex(&regex.regex, &path.field("safe_regex_match"))?
            }
            Some(Specifier::StringMatch(matcher)) => {
                ignore_case = matcher.ignore_case;
                self.string(matcher, &path.field("string_match"))?
            }
        };
        let mut matcher = MetadataMatcher::new(&raw.name, rule);
        matcher.invert = raw.invert_match;
        matcher.ignore_case = ignore_case;
        matcher.missing_as_empty = raw.treat_missing_header_as_empty;
        Some(matcher)
    }

    pub(super) fn string(&mut self, raw: &StringMatcher, path: &Path<'_>) -> Option<Rule> {
        Some(match raw.match_pattern.as_ref()? {
            MatchPattern::Exact(text) => Rule::Exact(text.clone()),
            MatchPattern::Prefix(text) => Rule::Prefix(text.clone()),
            MatchPattern::Suffix(text) => Rule::Suffix(text.clone()),
            MatchPattern::Contains(text) => Rule::Contains(text.clone()),
            MatchPattern::SafeRegex(regex) => {
                if raw.ignore_case {
                    let text = "has no effect on expressions; begin them with (?i)";
                    self.warn(&path.field("ignore_case"), text);
                }
                self.regex(&regex.regex, &path.field("safe_regex"))?
            }
            // Refused as a field that is not implemented.
            MatchPattern::Custom(_) => return None,
        })
    }

    fn regex(&mut self, expression: &str, path: &Path<'_>) -> Option<Rule> {
        match Rule::regex(expression) {
            Ok(rule) => Some(rule),
            Err(error) => {
                self.error(&path.field("regex"), error.to_string());
                None
            }
        }
    }
}
