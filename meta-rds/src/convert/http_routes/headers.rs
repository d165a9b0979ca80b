//! Headers: conditions on them, and changes to them.

use envoy_types::pb::envoy::{
    config::{
        core::v3::HeaderValueOption,
        route::v3::{
            HeaderMatcher, RouteConfiguration, VirtualHost, header_matcher::HeaderMatchSpecifier,
        },
    },
    r#type::matcher::v3::string_matcher::MatchPattern,
};
use meta_core::{MetadataMatcher, Mutation};

use super::{Converter, Mutations};
use crate::path::Path;

/// How many changes a list may hold, as the descriptors have it.
const MAX_CHANGES: usize = 1000;
/// How long a key or a value may be, in bytes.
const MAX_BYTES: usize = 16_384;

impl Converter<'_> {
    /// A condition; what the rules in the descriptors ask for is checked by hand.
    #[expect(deprecated, reason = "the deprecated forms are those in use")]
    pub(super) fn http_matcher(
        &mut self,
        raw: &HeaderMatcher,
        path: &Path<'_>,
    ) -> Option<MetadataMatcher> {
        use HeaderMatchSpecifier as Specifier;
        if raw.name.is_empty() {
            self.error(&path.field("name"), "must not be empty");
            return None;
        }
        let must_say = match &raw.header_match_specifier {
            Some(Specifier::PrefixMatch(text)) => Some(("prefix_match", text)),
            Some(Specifier::SuffixMatch(text)) => Some(("suffix_match", text)),
            Some(Specifier::ContainsMatch(text)) => Some(("contains_match", text)),
            _ => None,
        };
        if let Some((field, _)) = must_say.filter(|(_, text)| text.is_empty()) {
            self.error(&path.field(field), "must not be empty");
            return None;
        }
        if let Some(Specifier::StringMatch(matcher)) = &raw.header_match_specifier {
            let place = path.field("string_match");
            match &matcher.match_pattern {
                None => {
                    self.error(&place, "one of exact, prefix and others must be there");
                    return None;
                }
                Some(MatchPattern::Custom(_)) => {
                    self.not_here(&place.field("custom"));
                    return None;
                }
                Some(_) => {}
            }
        }
        self.matcher(raw, path)
    }

    /// What table and virtual host change of every request and response; after what
    /// the route changes, as Envoy has it.
    pub(super) fn outer_mutations(
        &mut self,
        table: &RouteConfiguration,
        host: &VirtualHost,
        table_path: &Path<'_>,
        host_path: &Path<'_>,
    ) -> Mutations {
        let fields = ["request_headers_to_remove", "request_headers_to_add"];
        let of_host = (
            &*host.request_headers_to_remove,
            &*host.request_headers_to_add,
        );
        let of_table = (
            &*table.request_headers_to_remove,
            &*table.request_headers_to_add,
        );
        let mut request = self.mutation(of_host, host_path, fields);
        request.extend(&self.mutation(of_table, table_path, fields));
        let fields = ["response_headers_to_remove", "response_headers_to_add"];
        let of_host = (
            &*host.response_headers_to_remove,
            &*host.response_headers_to_add,
        );
        let of_table = (
            &*table.response_headers_to_remove,
            &*table.response_headers_to_add,
        );
        let mut response = self.mutation(of_host, host_path, fields);
        response.extend(&self.mutation(of_table, table_path, fields));
        (request, response)
    }

    /// What is removed, then what is set.
    pub(super) fn mutation(
        &mut self,
        (remove, add): (&[String], &[HeaderValueOption]),
        path: &Path<'_>,
        [removed, added]: [&str; 2],
    ) -> Mutation {
        let mut mutation = Mutation::new();
        for key in remove {
            match key.is_empty() {
                true => self.error(&path.field(removed), "must not be empty"),
                false => mutation.remove(key.as_str()),
            }
        }
        let list = path.field(added);
        if add.len() > MAX_CHANGES {
            let text = format!("must have at most {MAX_CHANGES} items, has {}", add.len());
            self.error(&list, text);
            return mutation;
        }
        for (index, option) in add.iter().enumerate() {
            let place = list.index(index);
            let place = place.field("header");
            let Some(header) = &option.header else {
                self.error(&place, "required");
                continue;
            };
            let raw = String::from_utf8(header.raw_value.clone());
            let value = match (header.value.as_str(), raw) {
                ("", Ok(raw)) => raw,
                ("", Err(_)) => {
                    self.error(&place.field("raw_value"), "must be text");
                    continue;
                }
                (value, _) => value.to_owned(),
            };
            if header.key.is_empty() {
                self.error(&place.field("key"), "must not be empty");
                continue;
            }
            for (field, text) in [("key", &header.key), ("value", &value)] {
                if text.len() > MAX_BYTES {
                    let text = format!("must have at most {MAX_BYTES} bytes, has {}", text.len());
                    self.error(&place.field(field), text);
                }
            }
            mutation.set(header.key.as_str(), value);
        }
        mutation
    }
}
