//! What HTTP routes may say that has no meaning here, or none yet.

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster,
    route_match::PathSpecifier,
};

use super::Converter;
use crate::path::Path;

/// A field, and whether it says something.
type Field = (&'static str, bool);

impl Converter<'_> {
    pub(super) fn ignored_of_table(&mut self, raw: &RouteConfiguration, path: &Path<'_>) {
        if raw.vhds.is_some() {
            self.not_here(&path.field("vhds"));
        }
        self.none_yet(
            path,
            &[
                (
                    "request_mirror_policies",
                    !raw.request_mirror_policies.is_empty(),
                ),
                (
                    "typed_per_filter_config",
                    !raw.typed_per_filter_config.is_empty(),
                ),
            ],
        );
        let validate = raw.validate_clusters.as_ref();
        self.no_effect(
            path,
            &[
                (
                    "validate_clusters",
                    validate.is_some_and(|validate| validate.value),
                ),
                (
                    "internal_only_headers",
                    !raw.internal_only_headers.is_empty(),
                ),
                ("vhost_header", !raw.vhost_header.is_empty()),
                (
                    "cluster_specifier_plugins",
                    !raw.cluster_specifier_plugins.is_empty(),
                ),
            ],
        );
    }

    #[expect(deprecated, reason = "deprecated fields are told of, too")]
    pub(super) fn ignored_of_host(&mut self, raw: &VirtualHost, path: &Path<'_>) {
        if raw.matcher.is_some() {
            self.not_here(&path.field("matcher"));
        }
        if raw.require_tls != 0 {
            self.not_here(&path.field("require_tls"));
        }
        self.none_yet(
            path,
            &[
                ("rate_limits", !raw.rate_limits.is_empty()),
                ("retry_policy", raw.retry_policy.is_some()),
                (
                    "retry_policy_typed_config",
                    raw.retry_policy_typed_config.is_some(),
                ),
                ("hedge_policy", raw.hedge_policy.is_some()),
                (
                    "request_mirror_policies",
                    !raw.request_mirror_policies.is_empty(),
                ),
                (
                    "typed_per_filter_config",
                    !raw.typed_per_filter_config.is_empty(),
                ),
            ],
        );
        self.no_effect(
            path,
            &[
                ("virtual_clusters", !raw.virtual_clusters.is_empty()),
                ("cors", raw.cors.is_some()),
                (
                    "include_request_attempt_count",
                    raw.include_request_attempt_count,
                ),
            ],
        );
    }

    pub(super) fn ignored_of_route(&mut self, raw: &Route, path: &Path<'_>) {
        self.none_yet(
            path,
            &[(
                "typed_per_filter_config",
                !raw.typed_per_filter_config.is_empty(),
            )],
        );
        self.no_effect(
            path,
            &[
                ("decorator", raw.decorator.is_some()),
                ("tracing", raw.tracing.is_some()),
                ("stat_prefix", !raw.stat_prefix.is_empty()),
            ],
        );
    }

    /// Conditions on what no RPC has: a route without them would match more.
    pub(super) fn ignored_of_match(&mut self, raw: &RouteMatch, path: &Path<'_>) {
        let everything = match &raw.path_specifier {
            None => true,
            Some(PathSpecifier::Prefix(prefix)) => matches!(prefix.as_str(), "" | "/"),
            Some(_) => false,
        };
        let fields = [
            ("path_specifier", !everything),
            ("runtime_fraction", raw.runtime_fraction.is_some()),
            ("query_parameters", !raw.query_parameters.is_empty()),
            ("cookies", !raw.cookies.is_empty()),
            ("grpc", raw.grpc.is_some()),
            ("tls_context", raw.tls_context.is_some()),
            ("dynamic_metadata", !raw.dynamic_metadata.is_empty()),
            ("filter_state", !raw.filter_state.is_empty()),
        ];
        for (field, is_set) in fields {
            match (field, is_set) {
                (_, false) => {}
                ("path_specifier", true) => {
                    let text = "requests have no paths: only the prefix \"/\" matches";
                    self.error(&path.field(field), text);
                }
                (field, true) => self.not_here(&path.field(field)),
            }
        }
    }

    #[expect(deprecated, reason = "deprecated fields are told of, too")]
    pub(super) fn ignored_of_action(&mut self, raw: &RouteAction, path: &Path<'_>) {
        if raw.metadata_match.is_some() {
            self.not_here(&path.field("metadata_match"));
        }
        self.none_yet(
            path,
            &[
                ("retry_policy", raw.retry_policy.is_some()),
                (
                    "retry_policy_typed_config",
                    raw.retry_policy_typed_config.is_some(),
                ),
                ("hedge_policy", raw.hedge_policy.is_some()),
                ("rate_limits", !raw.rate_limits.is_empty()),
                ("idle_timeout", raw.idle_timeout.is_some()),
                ("max_stream_duration", raw.max_stream_duration.is_some()),
                ("priority", raw.priority != 0),
            ],
        );
        self.no_effect(
            path,
            &[
                ("prefix_rewrite", !raw.prefix_rewrite.is_empty()),
                ("regex_rewrite", raw.regex_rewrite.is_some()),
                ("path_rewrite", !raw.path_rewrite.is_empty()),
                (
                    "host_rewrite_specifier",
                    raw.host_rewrite_specifier.is_some(),
                ),
                ("cors", raw.cors.is_some()),
                ("upgrade_configs", !raw.upgrade_configs.is_empty()),
                (
                    "internal_redirect_policy",
                    raw.internal_redirect_policy.is_some(),
                ),
            ],
        );
    }

    pub(super) fn ignored_of_weights(&mut self, raw: &WeightedCluster, path: &Path<'_>) {
        let list = path.field("clusters");
        for (index, cluster) in raw.clusters.iter().enumerate() {
            let fields = [
                ("cluster_header", !cluster.cluster_header.is_empty()),
                ("metadata_match", cluster.metadata_match.is_some()),
                (
                    "request_headers_to_add",
                    !cluster.request_headers_to_add.is_empty(),
                ),
                (
                    "request_headers_to_remove",
                    !cluster.request_headers_to_remove.is_empty(),
                ),
                (
                    "response_headers_to_add",
                    !cluster.response_headers_to_add.is_empty(),
                ),
                (
                    "response_headers_to_remove",
                    !cluster.response_headers_to_remove.is_empty(),
                ),
            ];
            let place = list.index(index);
            for (field, _) in fields.into_iter().filter(|(_, is_set)| *is_set) {
                self.not_here(&place.field(field));
            }
        }
    }

    /// Fields that are to come; requests take the same routes without them.
    fn none_yet(&mut self, path: &Path<'_>, fields: &[Field]) {
        for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
            let text = "not implemented yet: the routes are in force without it";
            self.unsupported(&path.field(field), text);
        }
    }

    fn no_effect(&mut self, path: &Path<'_>, fields: &[Field]) {
        for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
            self.warn(&path.field(field), "no effect on this proxy");
        }
    }
}
