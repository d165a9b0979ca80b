//! What the control plane serves: the same routes in each proxy's own form.

use std::collections::HashMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3 as http;
use envoy_types::pb::envoy::extensions::filters::network::thrift_proxy::v3 as thrift;
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher};
use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};

use super::form::Form;

/// One table of that name.
pub(super) fn one(
    form: Form,
    name: &str,
    methods: &[String],
    cluster: &str,
) -> Arc<HashMap<String, Any>> {
    let table = table(form, name, methods, cluster);
    Arc::new(HashMap::from([(name.to_owned(), table)]))
}

/// A table that routes each of the methods: the last to `cluster`, those before it
/// elsewhere. No method at all: everything to `cluster`.
pub(super) fn table(form: Form, name: &str, methods: &[String], cluster: &str) -> Any {
    let targets = methods.iter().enumerate().map(|(index, method)| {
        let is_last = index + 1 == methods.len();
        (method.as_str(), if is_last { cluster } else { ELSEWHERE })
    });
    let mut targets: Vec<_> = targets.collect();
    if targets.is_empty() {
        targets.push(("", cluster));
    }
    match form {
        Form::Http => any(&http_table(name, &targets)),
        Form::Thrift => any(&thrift_table(name, &targets)),
    }
}

/// So many methods, of which the last is `method`.
pub(super) fn methods(count: usize, method: &str) -> Vec<String> {
    let others = (1..count).map(|number| format!("method_{number:05}"));
    let last = (count > 0).then(|| method.to_owned());
    others.chain(last).collect()
}

/// The cluster of the routes that no call takes.
const ELSEWHERE: &str = super::config::PLAIN;

fn http_table(name: &str, targets: &[(&str, &str)]) -> http::RouteConfiguration {
    let routes = targets.iter().map(|&(method, cluster)| {
        let exact = string_matcher::MatchPattern::Exact(method.to_owned());
        let matcher = http::HeaderMatcher {
            name: "method".to_owned(),
            header_match_specifier: Some(http::header_matcher::HeaderMatchSpecifier::StringMatch(
                StringMatcher {
                    match_pattern: Some(exact),
                    ..StringMatcher::default()
                },
            )),
            ..http::HeaderMatcher::default()
        };
        let headers = (!method.is_empty()).then_some(matcher);
        let to = http::route_action::ClusterSpecifier::Cluster(cluster.to_owned());
        http::Route {
            name: method.to_owned(),
            r#match: Some(http::RouteMatch {
                path_specifier: Some(http::route_match::PathSpecifier::Prefix("/".to_owned())),
                headers: headers.into_iter().collect(),
                ..http::RouteMatch::default()
            }),
            action: Some(http::route::Action::Route(http::RouteAction {
                cluster_specifier: Some(to),
                ..http::RouteAction::default()
            })),
            ..http::Route::default()
        }
    });
    http::RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: vec![http::VirtualHost {
            name: name.to_owned(),
            domains: vec!["*".to_owned()],
            routes: routes.collect(),
            ..http::VirtualHost::default()
        }],
        ..http::RouteConfiguration::default()
    }
}

fn thrift_table(name: &str, targets: &[(&str, &str)]) -> thrift::RouteConfiguration {
    let routes = targets.iter().map(|&(method, cluster)| {
        let matching = thrift::route_match::MatchSpecifier::MethodName(method.to_owned());
        let to = thrift::route_action::ClusterSpecifier::Cluster(cluster.to_owned());
        thrift::Route {
            r#match: Some(thrift::RouteMatch {
                match_specifier: Some(matching),
                ..thrift::RouteMatch::default()
            }),
            route: Some(thrift::RouteAction {
                cluster_specifier: Some(to),
                ..thrift::RouteAction::default()
            }),
        }
    });
    thrift::RouteConfiguration {
        name: name.to_owned(),
        routes: routes.collect(),
        ..thrift::RouteConfiguration::default()
    }
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}
