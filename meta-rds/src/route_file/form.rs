//! The forms that a table of routes may have.

use envoy_types::pb::envoy::config::{
    core::v3::{HeaderValue, HeaderValueOption},
    route::v3::{self as http, RouteConfiguration, VirtualHost, route_action, route_match},
};
use prost::Name as _;

use super::value;
use crate::{
    node::{Node, NodeKind},
    proto::aeraki::meta_protocol_proxy::config::route::v1alpha::{
        self as own, KeyValue, route_action::ClusterSpecifier,
    },
};

/// What a document is: as it says itself, or as its fields tell.
pub(super) fn type_url(node: &Node) -> Option<String> {
    if let Some(Node {
        kind: NodeKind::Scalar { text, .. },
        ..
    }) = value(node, "@type")
    {
        return Some(text.clone());
    }
    let has = |keys: &[&str]| keys.iter().any(|key| value(node, key).is_some());
    if has(&["resources", "version_info", "versionInfo"]) {
        let response = "type.googleapis.com/envoy.service.discovery.v3.DiscoveryResponse";
        Some(response.to_owned())
    } else if has(&["virtual_hosts", "virtualHosts"]) {
        Some(RouteConfiguration::type_url())
    } else if has(&["routes", "name"]) {
        Some(own::RouteConfiguration::type_url())
    } else {
        None
    }
}

pub(super) fn without_type(node: &Node) -> Node {
    let mut node = node.clone();
    if let NodeKind::Map(pairs) = &mut node.kind {
        pairs.retain(|(key, _)| key.text != "@type");
    }
    node
}

/// A table as control planes send it.
pub(super) fn http(raw: own::RouteConfiguration) -> RouteConfiguration {
    RouteConfiguration {
        name: raw.name,
        virtual_hosts: vec![VirtualHost {
            name: "dummy".to_owned(),
            domains: vec!["*".to_owned()],
            routes: raw.routes.into_iter().map(route).collect(),
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    }
}

fn route(raw: own::Route) -> http::Route {
    let headers = raw.r#match.map(|matching| matching.metadata);
    http::Route {
        name: raw.name,
        r#match: Some(every_path(headers.unwrap_or_default())),
        action: raw.route.map(action).map(http::route::Action::Route),
        request_headers_to_add: headers_to_add(raw.request_mutation),
        response_headers_to_add: headers_to_add(raw.response_mutation),
        ..http::Route::default()
    }
}

fn action(raw: own::RouteAction) -> http::RouteAction {
    let mirrors = raw.request_mirror_policies.into_iter();
    http::RouteAction {
        cluster_specifier: raw.cluster_specifier.map(|specifier| match specifier {
            ClusterSpecifier::Cluster(name) => route_action::ClusterSpecifier::Cluster(name),
            ClusterSpecifier::WeightedClusters(weighted) => {
                route_action::ClusterSpecifier::WeightedClusters(weighted)
            }
        }),
        hash_policy: raw.hash_policy.into_iter().map(hash_policy).collect(),
        request_mirror_policies: mirrors
            .map(|mirror| route_action::RequestMirrorPolicy {
                cluster: mirror.cluster,
                runtime_fraction: mirror.runtime_fraction,
                ..Default::default()
            })
            .collect(),
        ..http::RouteAction::default()
    }
}

/// Conditions on nothing but headers.
pub(crate) fn every_path(headers: Vec<http::HeaderMatcher>) -> http::RouteMatch {
    http::RouteMatch {
        path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
        headers,
        ..http::RouteMatch::default()
    }
}

pub(crate) fn hash_policy(key: String) -> route_action::HashPolicy {
    use route_action::hash_policy::{Header, PolicySpecifier};
    route_action::HashPolicy {
        policy_specifier: Some(PolicySpecifier::Header(Header {
            header_name: key,
            ..Header::default()
        })),
        ..route_action::HashPolicy::default()
    }
}

fn headers_to_add(pairs: Vec<KeyValue>) -> Vec<HeaderValueOption> {
    let pairs = pairs.into_iter();
    pairs.map(|pair| header(pair.key, pair.value)).collect()
}

pub(crate) fn header(key: String, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key,
            value,
            ..HeaderValue::default()
        }),
        ..HeaderValueOption::default()
    }
}
