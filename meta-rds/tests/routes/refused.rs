//! Tables that are refused, and why.

use meta_rds::DecodedRoutes;

use crate::support::{errors, with_route};

#[test]
fn whatever_is_wrong_with_a_route() {
    let matching = |condition: &str| {
        format!("match: {{ prefix: /, headers: [ {condition} ] }}, route: {{ cluster: c }}")
    };
    for (fields, expected) in [
        (
            "match: { prefix: / }".to_owned(),
            "routes[0].action: one of route, redirect, direct_response, filter_action, \
             non_forwarding_action must be there",
        ),
        (
            "match: { prefix: / }, redirect: {}".to_owned(),
            "routes[0].route: required: a route forwards to a cluster; redirect is not one of RPC",
        ),
        (
            "match: { prefix: / }, route: { cluster_header: x }".to_owned(),
            "route.cluster_header: not implemented, and it would change what becomes of traffic",
        ),
        (
            "match: { prefix: / }, route: { weighted_clusters: { total_weight: 0 } }".to_owned(),
            "routes[0].route.weighted_clusters.clusters: must have at least 1, has 0",
        ),
        (
            "match: { prefix: / }, route: { weighted_clusters: { clusters: [ { name: a, weight: 0 } ] } }".to_owned(),
            "routes[0].route: the weights of its destinations are all 0",
        ),
        (
            "match: { prefix: /orders }, route: { cluster: c }".to_owned(),
            "match.path_specifier: requests have no paths: only the prefix \"/\" matches",
        ),
        (
            "match: { prefix: /, grpc: {} }, route: { cluster: c }".to_owned(),
            "match.grpc: not implemented, and it would change what becomes of traffic",
        ),
        (
            "match: { prefix: / }, route: { cluster: c, timeout: -1s }".to_owned(),
            "route.timeout: must not be negative",
        ),
        (
            matching("{ name: a, safe_regex_match: { regex: 'a(' } }"),
            "headers[0].safe_regex_match.regex: ",
        ),
        (
            matching("{ name: a, string_match: {} }"),
            "headers[0].string_match",
        ),
    ] {
        let found = errors(&with_route(&fields));
        assert!(
            found.iter().any(|error| error.contains(expected)),
            "{fields}: {found:?}"
        );
    }
}

#[test]
fn all_problems_at_once() {
    let text = "{ name: t, virtual_hosts: [ { name: d, domains: ['*'], routes: [
        { match: { prefix: /x }, route: { cluster: c } },
        { match: { prefix: / }, route: { cluster_header: x } } ] } ] }";
    let found = errors(text);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn one_virtual_host_has_all_the_routes() {
    let host = "{ name: d, domains: ['*'] }";
    for (hosts, count) in [(String::new(), 0), (format!("{host}, {host}"), 2)] {
        let found = errors(&format!("{{ name: t, virtual_hosts: [ {hosts} ] }}"));
        let expected = format!(
            "test:1: virtual_hosts: expected one virtual host, which has all the routes; found {count}"
        );
        assert_eq!(found, [expected]);
    }
}

/// As they come from a control plane, without anyone having checked them before.
mod bytes {
    use envoy_types::pb::envoy::config::{
        core::v3::{HeaderValue, HeaderValueOption},
        route::v3::{
            HeaderMatcher, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
            WeightedCluster, header_matcher::HeaderMatchSpecifier, route::Action, route_action,
        },
    };
    use prost::Message;

    use super::DecodedRoutes;

    fn good() -> Route {
        Route {
            r#match: Some(RouteMatch::default()),
            action: Some(Action::Route(RouteAction {
                cluster_specifier: Some(route_action::ClusterSpecifier::Cluster("c".to_owned())),
                ..RouteAction::default()
            })),
            ..Route::default()
        }
    }

    fn decode(name: &str, route: Route) -> Result<DecodedRoutes, String> {
        let raw = RouteConfiguration {
            name: name.to_owned(),
            virtual_hosts: vec![VirtualHost {
                domains: vec!["*".to_owned()],
                routes: vec![route],
                ..VirtualHost::default()
            }],
            ..RouteConfiguration::default()
        };
        let decoded = DecodedRoutes::decode(&raw.encode_to_vec());
        decoded.map_err(|error| error.to_string())
    }

    fn error(route: Route) -> String {
        decode("t", route).expect_err("it is wrong")
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(decode("t", good()).is_ok());
        let text = decode("", good()).expect_err("it has no name");
        assert!(text.contains("name: must not be empty"), "{text}");
        let text = error(Route {
            action: None,
            ..good()
        });
        assert_eq!(
            text,
            "error: t: virtual_hosts[0].routes[0].route: required: a route forwards to a \
             cluster; there is no action"
        );
        let text = error(Route {
            r#match: None,
            ..good()
        });
        assert!(text.contains("routes[0].match: required"), "{text}");
    }

    #[test]
    fn a_route_to_nowhere() {
        let to = |specifier| {
            let action = RouteAction {
                cluster_specifier: specifier,
                ..RouteAction::default()
            };
            error(Route {
                action: Some(Action::Route(action)),
                ..good()
            })
        };
        let text = to(None);
        assert!(text.contains("route.cluster: required"), "{text}");
        // What a rule without destinations is made into.
        let nothing = WeightedCluster::default();
        let text = to(Some(route_action::ClusterSpecifier::WeightedClusters(
            nothing,
        )));
        assert!(text.ends_with("routes[0].route: no destination"), "{text}");
    }

    #[test]
    fn conditions_and_headers_without_names() {
        let header = |name: &str, specifier| {
            let headers = vec![HeaderMatcher {
                name: name.to_owned(),
                header_match_specifier: specifier,
                ..HeaderMatcher::default()
            }];
            let matching = RouteMatch {
                headers,
                ..RouteMatch::default()
            };
            error(Route {
                r#match: Some(matching),
                ..good()
            })
        };
        let text = header("", None);
        assert!(
            text.contains("headers[0].name: must not be empty"),
            "{text}"
        );
        #[expect(deprecated, reason = "the deprecated forms are those in use")]
        let text = header("a", Some(HeaderMatchSpecifier::PrefixMatch(String::new())));
        assert!(text.contains("prefix_match: must not be empty"), "{text}");
        let add = |key: &str, value: String| {
            let header = HeaderValue {
                key: key.to_owned(),
                value,
                ..HeaderValue::default()
            };
            let option = HeaderValueOption {
                header: Some(header),
                ..HeaderValueOption::default()
            };
            error(Route {
                request_headers_to_add: vec![option],
                ..good()
            })
        };
        let text = add("", String::new());
        assert!(text.contains("header.key: must not be empty"), "{text}");
        let text = add("a", "x".repeat(16_385));
        assert!(
            text.contains("must have at most 16384 bytes, has 16385"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_table_at_all() {
        let error = DecodedRoutes::decode(&[0xff, 0xff]).expect_err("garbage");
        let text = error.to_string();
        assert!(text.contains("not a RouteConfiguration"), "{text}");
    }

    #[test]
    fn a_route_that_is_none_is_named() {
        // A virtual host with a good route and one that is cut short.
        let good = good().encode_to_vec();
        let cut = &good[..good.len() - 1];
        let mut host = Vec::new();
        for route in [&*good, cut] {
            host.extend([0x1a, route.len() as u8]);
            host.extend(route);
        }
        let mut table = b"\x0a\x01t\x12".to_vec();
        table.push(host.len() as u8);
        table.extend(host);
        let error = DecodedRoutes::decode(&table).expect_err("it is cut short");
        let text = error.to_string();
        let place = "t: virtual_hosts[0].routes[1]: not a Route: ";
        assert!(text.contains(place), "{text}");
    }
}
