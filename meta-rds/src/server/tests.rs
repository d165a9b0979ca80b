//! Streams and connections of the server, without a network.

use std::collections::HashMap;

use bytes::Bytes;
use envoy_types::pb::{
    envoy::{
        config::route::v3::{RouteConfiguration, VirtualHost},
        service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
    },
    google::rpc::Status,
};
use prost::Message;

use super::{
    RouteSnapshot,
    stream::{DeltaStream, Verdict, WholeStream},
};
use crate::convert::DecodedRoutes;

mod connections;
mod delta;
mod whole;

/// A table whose virtual host has that name: what there is to change.
fn routes(name: &str, host: &str) -> DecodedRoutes {
    let raw = RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: host.to_owned(),
            domains: vec!["*".to_owned()],
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    };
    DecodedRoutes::decode(&raw.encode_to_vec()).expect("it is good")
}

fn snapshot(version: &str, tables: &[(&str, &str)]) -> RouteSnapshot {
    let tables = tables.iter().map(|(name, host)| routes(name, host));
    RouteSnapshot::new(version, tables)
}

fn name_of(body: &Bytes) -> String {
    let raw = RouteConfiguration::decode(body.clone()).expect("it is a table");
    raw.name
}
