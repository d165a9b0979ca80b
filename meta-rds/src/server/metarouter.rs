//! `MetaRouter`, as Aeraki makes routes of it.

use std::collections::BTreeMap;

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::RuntimeFractionalPercent,
            route::v3::{
                HeaderMatcher, Route, RouteAction, RouteConfiguration, VirtualHost,
                WeightedCluster, header_matcher::HeaderMatchSpecifier, route::Action, route_action,
                weighted_cluster::ClusterWeight,
            },
        },
        r#type::{
            matcher::v3::RegexMatcher,
            v3::{FractionalPercent, fractional_percent::DenominatorType},
        },
    },
    google::protobuf::UInt32Value,
};
use prost::Message as _;

use crate::{
    convert::DecodedRoutes,
    node::Node,
    path::Path,
    problem::{At, Problems},
    route_file::{every_path, hash_policy, header, value},
    server::metarouter::kinds::{
        Attribute, Destination, DestinationRule, MetaRoute, MetaRouter, Port, ServiceEntry,
    },
};

mod kinds;

/// A resource of Istio or Aeraki, as it stands in a file.
#[derive(Clone, Debug)]
pub(super) struct MeshResource {
    line: u32,
    namespace: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Service(ServiceEntry),
    Rule(DestinationRule),
    Router(MetaRouter),
}

impl MeshResource {
    pub(super) fn read(node: &Node) -> Result<Self, String> {
        let text = |node: Option<&Node>| {
            let json = node.map(Node::to_json);
            json.and_then(|json| json.as_str().map(str::to_owned))
        };
        let kind = text(value(node, "kind")).unwrap_or_default();
        let metadata = value(node, "metadata");
        let of = |key| text(metadata.and_then(|metadata| value(metadata, key)));
        let namespace = of("namespace").unwrap_or_else(|| "default".to_owned());
        let name = of("name").unwrap_or_default();
        let spec = value(node, "spec").map(Node::to_json).unwrap_or_default();
        let wrong = |error: serde_json::Error| format!("{kind} {namespace}/{name}: {error}");
        let kind = match kind.as_str() {
            "ServiceEntry" => Kind::Service(serde_json::from_value(spec).map_err(wrong)?),
            "DestinationRule" => Kind::Rule(serde_json::from_value(spec).map_err(wrong)?),
            "MetaRouter" => Kind::Router(serde_json::from_value(spec).map_err(wrong)?),
            other => {
                return Err(format!(
                    "the kind {other:?} is none of MetaRouter, ServiceEntry, DestinationRule"
                ));
            }
        };
        Ok(Self {
            line: node.line,
            namespace,
            kind,
        })
    }
}

/// The resources of all files, and the routes they make.
#[derive(Default)]
pub(super) struct Mesh<'a> {
    services: Vec<(&'a ServiceEntry, At)>,
    rules: Vec<(&'a DestinationRule, &'a str)>,
    routers: Vec<(&'a MetaRouter, At)>,
}

impl<'a> Mesh<'a> {
    pub(super) fn add(&mut self, resource: &'a MeshResource, source: usize) {
        let at = At {
            source,
            line: resource.line,
        };
        match &resource.kind {
            Kind::Service(service) => self.services.push((service, at)),
            Kind::Rule(rule) => self.rules.push((rule, &resource.namespace)),
            Kind::Router(router) => self.routers.push((router, at)),
        }
    }

    /// A table for every port of every service whose protocol is one of ours.
    pub(super) fn routes(&self, problems: &mut Problems) -> Vec<(DecodedRoutes, At)> {
        for (router, at) in &self.routers {
            for host in &router.hosts {
                if !self
                    .services
                    .iter()
                    .any(|(service, _)| service.host() == host)
                {
                    let text = format!("no ServiceEntry tells the ports of {host:?}");
                    problems.error(*at, Path::ROOT, text);
                }
            }
        }
        let mut tables = Vec::new();
        for (service, at) in &self.services {
            let host = service.host();
            let mut routers = self.routers.iter();
            // One without routes is as none.
            let router = routers
                .find(|(router, _)| router.hosts.iter().any(|own| own == host))
                .filter(|(router, _)| !router.routes.is_empty());
            let mut rules = self.rules.iter();
            let rule = rules.find(|(rule, namespace)| rule.is_of(host, namespace));
            let rule = rule.map(|(rule, _)| *rule);
            for port in service.ports.iter().filter(|port| port.is_ours()) {
                let at = router.map_or(*at, |(_, at)| *at);
                let raw = match router {
                    Some((router, _)) => routed(router, host, port, rule),
                    None => default(host, port, rule),
                };
                match DecodedRoutes::decode(&raw.encode_to_vec()) {
                    Ok(table) => tables.push((table, at)),
                    Err(error) => problems.error(at, Path::ROOT, error.reason()),
                }
            }
        }
        tables
    }
}

fn table(host: &str, port: &Port, routes: Vec<Route>) -> RouteConfiguration {
    RouteConfiguration {
        name: format!("{host}_{}", port.number),
        virtual_hosts: vec![VirtualHost {
            name: "dummy".to_owned(),
            domains: vec!["*".to_owned()],
            routes,
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    }
}

/// Everything to the service itself.
fn default(host: &str, port: &Port, rule: Option<&DestinationRule>) -> RouteConfiguration {
    let key = rule.and_then(|rule| rule.hash_key(""));
    let action = RouteAction {
        cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(cluster(
            port.number,
            "",
            host,
        ))),
        hash_policy: key
            .map(|key| hash_policy(key.to_owned()))
            .into_iter()
            .collect(),
        ..RouteAction::default()
    };
    let route = Route {
        name: "default".to_owned(),
        r#match: Some(every_path(Vec::new())),
        action: Some(Action::Route(action)),
        ..Route::default()
    };
    table(host, port, vec![route])
}

fn routed(
    router: &MetaRouter,
    host: &str,
    port: &Port,
    rule: Option<&DestinationRule>,
) -> RouteConfiguration {
    let routes = router.routes.iter().map(|route| {
        let attributes = route.matches.iter().flat_map(|own| &own.attributes);
        let headers = |pairs: &[kinds::KeyValue]| {
            let pairs = pairs.iter();
            pairs
                .map(|pair| header(pair.key.clone(), pair.value.clone()))
                .collect()
        };
        Route {
            name: route.name.clone(),
            r#match: Some(every_path(attributes.map(matcher).collect())),
            action: Some(Action::Route(action(route, port, rule))),
            request_headers_to_add: headers(&route.request_mutation),
            response_headers_to_add: headers(&route.response_mutation),
            ..Route::default()
        }
    });
    table(host, port, routes.collect())
}

fn action(route: &MetaRoute, port: &Port, rule: Option<&DestinationRule>) -> RouteAction {
    let of = |to: &Destination| {
        let number = to.port.as_ref().map_or(0, |port| port.number);
        let number = if number == 0 { port.number } else { number };
        cluster(number, &to.subset, &to.host)
    };
    let specifier = match &*route.route {
        [one] => route_action::ClusterSpecifier::Cluster(of(&one.destination)),
        several => {
            let weights = several.iter().map(|to| ClusterWeight {
                name: of(&to.destination),
                weight: Some(UInt32Value { value: to.weight }),
                ..ClusterWeight::default()
            });
            let sum = several
                .iter()
                .fold(0u32, |sum, to| sum.saturating_add(to.weight));
            #[expect(deprecated, reason = "Aeraki tells the sum")]
            route_action::ClusterSpecifier::WeightedClusters(WeightedCluster {
                clusters: weights.collect(),
                total_weight: Some(UInt32Value { value: sum }),
                ..WeightedCluster::default()
            })
        }
    };
    let keys = route.route.iter();
    let keys = keys.filter_map(|to| rule?.hash_key(&to.destination.subset));
    RouteAction {
        cluster_specifier: Some(specifier),
        hash_policy: keys.map(|key| hash_policy(key.to_owned())).collect(),
        request_mirror_policies: mirror(route, of).into_iter().collect(),
        ..RouteAction::default()
    }
}

fn mirror(
    route: &MetaRoute,
    of: impl Fn(&Destination) -> String,
) -> Option<route_action::RequestMirrorPolicy> {
    const PER: u32 = 1_000_000;
    let mirror = route.mirror.as_ref()?;
    let percent = route.mirror_percentage.as_ref().map_or(100.0, |p| p.value);
    // Casts of floats saturate.
    let numerator = ((percent * 10_000.0) as u32).min(PER);
    if numerator == 0 {
        return None;
    }
    Some(route_action::RequestMirrorPolicy {
        cluster: of(mirror),
        runtime_fraction: Some(RuntimeFractionalPercent {
            default_value: Some(FractionalPercent {
                numerator,
                denominator: DenominatorType::Million.into(),
            }),
            ..RuntimeFractionalPercent::default()
        }),
        ..route_action::RequestMirrorPolicy::default()
    })
}

/// In the deprecated forms, which are those that Aeraki sends.
#[expect(deprecated, reason = "the deprecated forms are those in use")]
fn matcher((name, attribute): (&String, &Attribute)) -> HeaderMatcher {
    use HeaderMatchSpecifier as Specifier;
    use envoy_types::pb::envoy::r#type::matcher::v3::regex_matcher::{EngineType, GoogleRe2};
    let specifier = match attribute {
        Attribute::Exact(text) => Specifier::ExactMatch(text.clone()),
        Attribute::Prefix(text) => Specifier::PrefixMatch(text.clone()),
        Attribute::Regex(text) if text == "*" => Specifier::PresentMatch(true),
        Attribute::Regex(text) => Specifier::SafeRegexMatch(RegexMatcher {
            regex: text.clone(),
            engine_type: Some(EngineType::GoogleRe2(GoogleRe2::default())),
        }),
    };
    HeaderMatcher {
        name: name.clone(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    }
}

fn cluster(port: u32, subset: &str, host: &str) -> String {
    format!("outbound|{port}|{subset}|{host}")
}

/// The attributes of a match, in a fixed order.
type Attributes = BTreeMap<String, Attribute>;
