#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod bootstrap;
mod bootstrap_file;
mod control_plane;
mod convert;
mod document;
mod driver;
mod load;
mod manager;
mod node;
mod path;
mod problem;
pub mod proto;
mod read;
mod render;
mod route_file;
mod rules;
mod schema;
mod secret_file;
pub mod server;
mod source;
mod support;
mod tree;
mod xds;

// The public interface is:
pub use crate::{
    bootstrap::{
        Bootstrap, ChainMatch, Cluster, DestinationPorts, ExtensionSettings, FilterChain,
        Keepalive, Listener, ListenerFilter, ListenerFilterKind, ListenerFilters, Network,
        NodeInfo, ProxyProtocolFilter, ProxyProtocolVersion, ProxySettings, RdsSettings,
        RouteSource, SocketOption, SocketSettings, SourceType, TlsInspectorFilter,
        TrafficDirection,
    },
    bootstrap_file::BootstrapFile,
    control_plane::{
        ConfigSource, Dial, FileSource, GrpcServer, GrpcSource, GrpcTarget, GrpcTls, PemData,
        PlainDialer,
    },
    convert::{DecodedRoutes, HashKeys},
    document::redact,
    load::Loader,
    manager::{
        ControlPlaneStatus, FirstFetch, RdsManager, RdsState, RdsStats, RdsStatus, RefusedRoutes,
        RouteWatch,
    },
    problem::{LoadError, Place, Problem, Severity},
    render::{
        render_address, render_cluster, render_duration, render_load_assignment, render_routes,
    },
    route_file::RouteFile,
    schema::schema,
    source::Source,
};
