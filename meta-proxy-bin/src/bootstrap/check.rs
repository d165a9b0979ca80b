//! What keeps a bootstrap from being run.

use std::{collections::HashMap, sync::Arc};

use meta_rds::{
    Bootstrap, ConfigSource, ExtensionSettings, FilterChain, GrpcServer, Listener, Place, Problem,
    RouteSource, Severity,
};
use meta_tls::TlsContexts;

use super::{client_tls, clusters, extension, live_chains, rds_place, tls_problem};
use crate::{
    listener::ChainIndex,
    live::target_tls,
    registry::{LookupError, Registry},
};

/// Codecs and filters that bootstraps of this family name, and that are to come.
const TO_COME: [&str; 6] = [
    "aeraki.meta_protocol.codec.brpc",
    "aeraki.meta_protocol.codec.trpc",
    "aeraki.meta_protocol.filters.istio_stats",
    "aeraki.meta_protocol.filters.local_ratelimit",
    "aeraki.meta_protocol.filters.metadata_exchange",
    "aeraki.meta_protocol.filters.ratelimit",
];

/// What keeps a bootstrap from being run with these codecs and filters.
pub(crate) fn check(bootstrap: &Bootstrap, registry: &Registry) -> Vec<Problem> {
    let mut problems = Vec::new();
    let contexts = TlsContexts::new();
    for cluster in &bootstrap.clusters {
        problems.extend(client_tls(cluster, &contexts).err());
    }
    problems.extend(unlike_live_chains(bootstrap));
    let mut shared: HashMap<&Arc<str>, (bool, &Place)> = HashMap::new();
    for listener in &bootstrap.listeners {
        let chains = listener.filter_chains.iter();
        let chains: Vec<_> = chains.chain(&listener.default_filter_chain).collect();
        problems.extend(overlap(listener));
        for chain in chains {
            problems.extend(check_tls(chain, &contexts));
            problems.extend(check_source(chain, &contexts));
            check_chain(chain, registry, &mut problems);
            for cluster in clusters(chain) {
                let (before, _) = shared
                    .entry(cluster)
                    .or_insert((chain.proxy.multiplexing, &chain.place));
                if *before != chain.proxy.multiplexing {
                    let text = format!("cluster {cluster:?} is used with multiplexing and without");
                    problems.push(chain.place.problem(Severity::Error, text));
                }
            }
        }
    }
    problems
}

/// What keeps the TLS of a chain from being used.
fn check_tls(chain: &FilterChain, contexts: &TlsContexts) -> Option<Problem> {
    let made = contexts.server(chain.tls.clone()?);
    made.err().map(|error| tls_problem(&chain.place, &error))
}

/// What keeps the control plane of a chain's routes from being reached.
fn check_source(chain: &FilterChain, contexts: &TlsContexts) -> Option<Problem> {
    let RouteSource::Rds(rds) = &chain.proxy.routes else {
        return None;
    };
    let ConfigSource::Grpc(source) = &rds.source else {
        return None;
    };
    let GrpcServer::Target(target) = &source.server else {
        return None;
    };
    let error = target_tls(target, contexts).err()?;
    Some(rds_place(chain).problem(Severity::Error, error.to_string()))
}

/// Two chains whose routes are not known yet and may lead to the same clusters, the
/// one with multiplexing and the other without.
fn unlike_live_chains(bootstrap: &Bootstrap) -> Option<Problem> {
    let mut chains = live_chains(bootstrap);
    let first = chains.next()?;
    let other = chains.find(|chain| chain.proxy.multiplexing != first.proxy.multiplexing)?;
    let text = format!(
        "chains whose routes come from elsewhere have to be alike in multiplexing; it is not \
         as {}",
        first.place.path
    );
    Some(other.place.problem(Severity::Error, text))
}

/// Two chains that are for the same connections.
fn overlap(listener: &Listener) -> Option<Problem> {
    let chains = &listener.filter_chains;
    let overlap = ChainIndex::new(chains.iter().map(|chain| &chain.matches)).err()?;
    let (first, second) = (chains.get(overlap.first)?, chains.get(overlap.second)?);
    let text = format!(
        "it is for connections that {} is for already",
        first.place.path
    );
    Some(second.place.problem(Severity::Error, text))
}

fn check_chain(chain: &FilterChain, registry: &Registry, problems: &mut Vec<Problem>) {
    let codec = &chain.proxy.codec;
    let checked = registry.configure_codec(&extension(codec));
    problems.extend(checked.err().map(|error| explain(codec, &error)));
    for filter in &chain.proxy.filters {
        let checked = registry.configure_filter(&extension(filter));
        problems.extend(checked.err().map(|error| explain(filter, &error)));
    }
}

fn explain(extension: &ExtensionSettings, error: &LookupError) -> Problem {
    let name = &*extension.name;
    match error {
        LookupError::Unknown { kind, .. } if TO_COME.contains(&name) => {
            let text = format!("the {kind} {name} is not implemented yet");
            extension.place.problem(Severity::Unsupported, text)
        }
        LookupError::Config { source, .. } => {
            let text = format!("{error}: {source}");
            extension.place.problem(Severity::Error, text)
        }
        error => extension.place.problem(Severity::Error, error.to_string()),
    }
}
