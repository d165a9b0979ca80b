#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod avoid;
mod balancer;
mod cluster;
mod connect;
mod limit;
mod pool;
mod router;
mod table;

// The public interface is:
pub use crate::{
    cluster::{ClusterConfig, ClusterError, ClusterLimits, Clusters},
    connect::{Connect, Connected, TcpConnector},
    router::{RouteFuture, Router},
    table::{RouteEntry, RouteProblem, RouteTable, Routes, TableError},
};
