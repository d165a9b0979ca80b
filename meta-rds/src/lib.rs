#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod bootstrap;
mod convert;
mod document;
mod load;
mod node;
mod path;
mod problem;
pub mod proto;
mod read;
mod render;
mod rules;
mod schema;
mod secret_file;
mod source;
mod support;
mod tree;

// The public interface is:
pub use crate::{
    bootstrap::{
        Bootstrap, ChainMatch, Cluster, DestinationPorts, ExtensionSettings, FilterChain,
        Keepalive, Listener, ListenerFilter, ListenerFilterKind, ListenerFilters, Network,
        NodeInfo, ProxyProtocolFilter, ProxyProtocolVersion, ProxySettings, RdsSettings,
        RouteSource, SocketOption, SocketSettings, SourceType, TlsInspectorFilter,
        TrafficDirection,
    },
    convert::{HashKeys, Mirror, Mirrors},
    document::redact,
    load::Loader,
    problem::{LoadError, Place, Problem, Severity},
    render::{
        render_address, render_cluster, render_duration, render_load_assignment, render_routes,
    },
    schema::schema,
    source::Source,
};
