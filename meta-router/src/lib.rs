#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod avoid;
mod balancer;
mod cluster;
mod connect;
mod discovery;
mod endpoints;
mod limit;
mod membership;
mod pool;
mod router;
mod table;

// The public interface is:
pub use crate::{
    cluster::{ClusterConfig, ClusterError, ClusterLimits, ClusterUsage, Clusters, Usage},
    connect::{Connect, Connected, SocketOptions, TcpConnector, TcpKeepalive},
    discovery::{Discovery, DnsAnswer, DnsError, DnsQuery, DnsResolver, IpFamily, Resolve},
    endpoints::{DnsBackoff, DnsConfig, DnsHost, Endpoints, LookupFamily},
    membership::{EndpointCounts, EndpointHealth, EndpointState, Membership, MembershipStats},
    router::{RouteFuture, Router},
    table::{
        AskedCondition, AskedRoute, DeadRoute, Explanation, RouteEntry, RouteProblem, RouteTable,
        Routes, TableError, WhyDead,
    },
};
