//! Route tables from control planes: Envoy's HTTP routes, of which the conditions on
//! headers are conditions on metadata.

use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::{
    self as pb, route::Action, route_action::ClusterSpecifier,
};
use meta_core::{Destination, MetadataMatcher, Mirror, Mutation, Route};
use meta_router::{RouteEntry, RouteTable};
use prost::Message as _;
use prost_reflect::{DescriptorPool, Value};

use super::{
    Converter,
    routes::{HashKeys, fraction},
};
use crate::{
    path::Path,
    problem::{At, LoadError, Problem, Problems, Severity},
    tree::{Tree, TreeKind},
};

mod headers;
mod ignored;
mod wire;

use self::wire::RawHost;
pub(crate) use self::wire::RawTable;

/// A route table as a control plane sent it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DecodedRoutes {
    /// The table, by its name at the control plane.
    pub table: Arc<RouteTable>,
    /// What of it has no effect here; nothing of [`Severity::Error`].
    pub notes: Vec<Problem>,
    /// The resource with the conditions of each route in a fixed order: two resources
    /// that mean the same and differ in that order alone have the same bytes.
    pub canonical: bytes::Bytes,
}

impl DecodedRoutes {
    /// The routes of a serialized `envoy.config.route.v3.RouteConfiguration`.
    ///
    /// # Errors
    ///
    /// All that is wrong, each problem with its path; the source of the paths is the
    /// table's name.
    pub fn decode(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut problems = Problems::default();
        let raw = match RawTable::new(bytes) {
            Ok(raw) => raw,
            Err(error) => {
                let text = format!("not a RouteConfiguration: {error}");
                problems.error(At::default(), Path::ROOT, text);
                let problems = problems.into_list();
                return Err(LoadError { problems });
            }
        };
        problems.sources = vec![raw.table.name.as_str().into()];
        problems.have_been_read();
        // Nothing is looked up: the message is there already, and has no lines.
        let pool = DescriptorPool::new();
        let tree = Tree {
            at: At::default(),
            kind: TreeKind::Value(Value::Bool(false)),
        };
        let table = Converter::new(&pool, &tree, &mut problems).http_routes(&raw, &Path::ROOT);
        let problems = problems.into_list();
        let is_wrong = |problem: &Problem| problem.severity == Severity::Error;
        // What has been decoded can be sorted.
        match table.zip(wire::canonical(bytes).ok()) {
            Some((table, canonical)) if !problems.iter().any(is_wrong) => Ok(Self {
                table: Arc::new(table),
                notes: problems,
                canonical: canonical.into(),
            }),
            _ => Err(LoadError { problems }),
        }
    }
}

impl Converter<'_> {
    /// A table in Envoy's form.
    pub(crate) fn http_routes(
        &mut self,
        raw: &RawTable<'_>,
        path: &Path<'_>,
    ) -> Option<RouteTable> {
        let RawTable { table, hosts: raw } = raw;
        if table.name.is_empty() {
            self.error(&path.field("name"), "must not be empty");
        }
        self.ignored_of_table(table, path);
        let hosts = path.field("virtual_hosts");
        let [RawHost { host, routes: raw }] = &**raw else {
            let text = format!(
                "expected one virtual host, which has all the routes; found {}",
                raw.len()
            );
            self.error(&hosts, text);
            return None;
        };
        let place = hosts.index(0);
        self.ignored_of_host(host, &place);
        if !host.domains.iter().any(|domain| domain == "*") {
            let text = "no effect: requests name no host, and all take these routes";
            self.warn(&place.field("domains"), text);
        }
        let routes = place.field("routes");
        let mut entries = Vec::with_capacity(raw.len());
        let (request, response) = self.outer_mutations(table, host, path, &place);
        let mut route = pb::Route::default();
        for (index, raw) in raw.iter().enumerate() {
            let place = routes.index(index);
            route.clear();
            let mut entry = match route.merge(*raw) {
                Ok(()) => self.http_route(&route, &place),
                Err(error) => {
                    self.error(&place, format!("not a Route: {error}"));
                    None
                }
            };
            if let Some(entry) = &mut entry {
                entry.route.request_mutation.extend(&request);
                entry.route.response_mutation.extend(&response);
            }
            entries.push(entry);
        }
        // One that is wrong has been told of.
        let entries: Vec<_> = entries.into_iter().collect::<Option<_>>()?;
        match RouteTable::new(table.name.as_str(), entries) {
            Ok(table) => Some(table),
            Err(errors) => {
                for error in errors {
                    let place = routes.index(error.index);
                    self.error(&place.field("route"), error.problem.to_string());
                }
                None
            }
        }
    }

    fn http_route(&mut self, raw: &pb::Route, path: &Path<'_>) -> Option<RouteEntry> {
        self.ignored_of_route(raw, path);
        let matchers = self.http_match(raw, path);
        let mut route = Route::default();
        route.name = raw.name.as_str().into();
        route.request_mutation = self.mutation(
            (&raw.request_headers_to_remove, &raw.request_headers_to_add),
            path,
            ["request_headers_to_remove", "request_headers_to_add"],
        );
        route.response_mutation = self.mutation(
            (
                &raw.response_headers_to_remove,
                &raw.response_headers_to_add,
            ),
            path,
            ["response_headers_to_remove", "response_headers_to_add"],
        );
        let Some(Action::Route(action)) = &raw.action else {
            let found = match &raw.action {
                None => "there is no action",
                Some(Action::Redirect(_)) => "redirect is not one of RPC",
                Some(Action::DirectResponse(_)) => "direct_response is not one of RPC",
                Some(_) => "the action forwards nothing",
            };
            let text = format!("required: a route forwards to a cluster; {found}");
            self.error(&path.field("route"), text);
            return None;
        };
        let place = path.field("route");
        self.ignored_of_action(action, &place);
        route.destinations = self.http_destinations(action, &place)?;
        if let Some(timeout) = &action.timeout {
            route.timeout = self.duration(timeout, &place.field("timeout"));
        }
        let keys = self.hash_keys(action, &place);
        if !keys.0.is_empty() {
            route.extensions.insert(keys);
        }
        route.mirrors = self.http_mirrors(action, &place);
        Some(RouteEntry::new(matchers?, route))
    }

    fn http_match(&mut self, raw: &pb::Route, path: &Path<'_>) -> Option<Vec<MetadataMatcher>> {
        let path = path.field("match");
        let Some(raw) = &raw.r#match else {
            self.error(&path, "required");
            return None;
        };
        self.ignored_of_match(raw, &path);
        let headers = path.field("headers");
        let mut matchers = Vec::with_capacity(raw.headers.len());
        for (index, header) in raw.headers.iter().enumerate() {
            matchers.push(self.http_matcher(header, &headers.index(index)));
        }
        matchers.into_iter().collect()
    }

    fn http_destinations(
        &mut self,
        raw: &pb::RouteAction,
        path: &Path<'_>,
    ) -> Option<Vec<Destination>> {
        match &raw.cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) if name.is_empty() => {
                self.error(&path.field("cluster"), "must not be empty");
                None
            }
            Some(ClusterSpecifier::Cluster(name)) => Some(vec![Destination {
                cluster: name.as_str().into(),
                weight: 1,
            }]),
            Some(ClusterSpecifier::WeightedClusters(weighted)) => {
                let place = path.field("weighted_clusters");
                self.ignored_of_weights(weighted, &place);
                // Clusters may come later than the routes to them.
                Some(self.weighted(weighted, &place, None))
            }
            Some(ClusterSpecifier::ClusterHeader(_)) => {
                self.not_here(&path.field("cluster_header"));
                None
            }
            Some(
                ClusterSpecifier::ClusterSpecifierPlugin(_)
                | ClusterSpecifier::InlineClusterSpecifierPlugin(_),
            ) => {
                self.not_here(&path.field("cluster_specifier_plugin"));
                None
            }
            None => {
                let text = "required: there is neither cluster nor weighted_clusters";
                self.error(&path.field("cluster"), text);
                None
            }
        }
    }

    fn hash_keys(&mut self, raw: &pb::RouteAction, path: &Path<'_>) -> HashKeys {
        use pb::route_action::hash_policy::PolicySpecifier;
        let list = path.field("hash_policy");
        let mut keys = Vec::new();
        for (index, policy) in raw.hash_policy.iter().enumerate() {
            let place = list.index(index);
            match &policy.policy_specifier {
                Some(PolicySpecifier::Header(header)) if !header.header_name.is_empty() => {
                    keys.push(header.header_name.clone());
                }
                Some(PolicySpecifier::Header(_)) => {
                    let place = place.field("header");
                    self.error(&place.field("header_name"), "must not be empty");
                }
                None => self.error(&place, "one of header and others must be there"),
                Some(_) => {
                    let text = "not implemented yet: endpoints are chosen without it";
                    self.unsupported(&place, text);
                }
            }
        }
        HashKeys(keys)
    }

    fn http_mirrors(&mut self, raw: &pb::RouteAction, path: &Path<'_>) -> Vec<Mirror> {
        let list = path.field("request_mirror_policies");
        let mut mirrors = Vec::new();
        for (index, policy) in raw.request_mirror_policies.iter().enumerate() {
            let place = list.index(index);
            if policy.cluster.is_empty() {
                self.error(&place.field("cluster"), "must not be empty");
                continue;
            }
            mirrors.push(Mirror {
                cluster: policy.cluster.as_str().into(),
                fraction: fraction(policy.runtime_fraction.as_ref()),
            });
        }
        mirrors
    }

    /// Something that would change which requests go where.
    fn not_here(&mut self, path: &Path<'_>) {
        let text = "not implemented, and it would change what becomes of traffic";
        self.error(path, text);
    }
}

/// Changes to requests and to responses.
type Mutations = (Mutation, Mutation);
