//! Route tables.

use envoy_types::pb::envoy::{
    config::{core::v3 as core, route::v3::WeightedCluster},
    r#type::v3::fractional_percent,
};
use meta_core::{Destination, Fraction, Mirror, Mutation, Route};
use meta_router::{RouteEntry, RouteTable};

use super::{Converter, listener::Names};
use crate::{
    path::Path,
    proto::aeraki::meta_protocol_proxy::config::route::v1alpha::{
        self as pb, KeyValue, RouteAction, route_action::ClusterSpecifier,
    },
};

/// The metadata keys whose values choose the endpoint; among a route's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashKeys(pub Vec<String>);

impl Converter<'_> {
    /// A table; `clusters` are those that are there, where that is known.
    pub(crate) fn routes(
        &mut self,
        raw: &pb::RouteConfiguration,
        path: &Path<'_>,
        clusters: Option<&Names>,
    ) -> Option<RouteTable> {
        let routes = path.field("routes");
        let mut entries = Vec::with_capacity(raw.routes.len());
        for (index, route) in raw.routes.iter().enumerate() {
            let place = routes.index(index);
            entries.push(self.route(route, &place, clusters));
        }
        // One that is wrong has been told of.
        let entries: Vec<_> = entries.into_iter().collect::<Option<_>>()?;
        match RouteTable::new(raw.name.as_str(), entries) {
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

    fn route(
        &mut self,
        raw: &pb::Route,
        path: &Path<'_>,
        clusters: Option<&Names>,
    ) -> Option<RouteEntry> {
        let mut matchers = Vec::new();
        let mut good = true;
        let (matching, metadata) = (path.field("match"), "metadata");
        let metadata = matching.field(metadata);
        let conditions = raw.r#match.iter().flat_map(|raw| &raw.metadata);
        for (index, matcher) in conditions.enumerate() {
            match self.matcher(matcher, &metadata.index(index)) {
                Some(matcher) => matchers.push(matcher),
                None => good = false,
            }
        }
        // The rules ask for it.
        let action = raw.route.as_ref()?;
        let place = path.field("route");
        let mut route = Route::default();
        route.name = raw.name.as_str().into();
        route.destinations = self.destinations(action, &place, clusters)?;
        route.request_mutation = mutation(&raw.request_mutation);
        route.response_mutation = mutation(&raw.response_mutation);
        if !action.hash_policy.is_empty() {
            route
                .extensions
                .insert(HashKeys(action.hash_policy.clone()));
        }
        route.mirrors = self.mirrors(action, &place, clusters);
        good.then(|| RouteEntry::new(matchers, route))
    }

    fn destinations(
        &mut self,
        raw: &RouteAction,
        path: &Path<'_>,
        clusters: Option<&Names>,
    ) -> Option<Vec<Destination>> {
        match &raw.cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) => {
                let place = path.field("cluster");
                if name.is_empty() {
                    self.error(&place, "must not be empty");
                    return None;
                }
                self.known(name, &place, clusters);
                Some(vec![Destination {
                    cluster: name.as_str().into(),
                    weight: 1,
                }])
            }
            Some(ClusterSpecifier::WeightedClusters(weighted)) => {
                let place = path.field("weighted_clusters");
                Some(self.weighted(weighted, &place, clusters))
            }
            None => {
                let text = "required: there is neither cluster nor weighted_clusters";
                self.error(&path.field("cluster"), text);
                None
            }
        }
    }

    /// The shares of several clusters.
    pub(super) fn weighted(
        &mut self,
        raw: &WeightedCluster,
        path: &Path<'_>,
        clusters: Option<&Names>,
    ) -> Vec<Destination> {
        let list = path.field("clusters");
        let mut destinations = Vec::with_capacity(raw.clusters.len());
        for (index, cluster) in raw.clusters.iter().enumerate() {
            let place = list.index(index);
            let name = place.field("name");
            match cluster.name.as_str() {
                "" => self.error(&name, "must not be empty"),
                text => self.known(text, &name, clusters),
            }
            destinations.push(Destination {
                cluster: cluster.name.as_str().into(),
                weight: cluster.weight.as_ref().map_or(0, |weight| weight.value),
            });
        }
        destinations
    }

    /// Requests to a cluster that is not there are answered with an error.
    fn known(&mut self, name: &str, path: &Path<'_>, clusters: Option<&Names>) {
        if clusters.is_some_and(|clusters| !clusters.contains_key(name)) {
            self.warn(path, format!("there is no cluster {name:?}"));
        }
    }

    fn mirrors(
        &mut self,
        raw: &RouteAction,
        path: &Path<'_>,
        clusters: Option<&Names>,
    ) -> Vec<Mirror> {
        let list = path.field("request_mirror_policies");
        let mut mirrors = Vec::new();
        for (index, policy) in raw.request_mirror_policies.iter().enumerate() {
            let place = list.index(index);
            self.known(&policy.cluster, &place.field("cluster"), clusters);
            mirrors.push(Mirror {
                cluster: policy.cluster.as_str().into(),
                fraction: fraction(policy.runtime_fraction.as_ref()),
            });
        }
        mirrors
    }
}

/// Absent means always.
pub(super) fn fraction(raw: Option<&core::RuntimeFractionalPercent>) -> Fraction {
    use fractional_percent::DenominatorType;
    let Some(raw) = raw.and_then(|raw| raw.default_value.as_ref()) else {
        return Fraction::ALL;
    };
    let per = match DenominatorType::try_from(raw.denominator) {
        Ok(DenominatorType::TenThousand) => 10_000,
        Ok(DenominatorType::Million) => 1_000_000,
        Ok(DenominatorType::Hundred) | Err(_) => 100,
    };
    Fraction {
        numerator: raw.numerator,
        per,
    }
}

fn mutation(pairs: &[KeyValue]) -> Mutation {
    let mut mutation = Mutation::new();
    for pair in pairs {
        mutation.set(pair.key.as_str(), pair.value.as_str());
    }
    mutation
}
