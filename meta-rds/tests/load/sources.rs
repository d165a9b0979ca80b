//! Where routes come from, if not from the file.

use std::time::Duration;

use meta_rds::{
    ConfigSource, FileSource, GrpcServer, GrpcSource, GrpcTarget, RdsSettings, RouteSource,
    Severity,
};

use crate::support::{RDS, errors, good, notes};

fn settings(text: &str) -> RdsSettings {
    let bootstrap = good(text);
    assert_eq!(bootstrap.unsupported().count(), 0);
    let proxy = &bootstrap.listeners[0].filter_chains[0].proxy;
    let RouteSource::Rds(rds) = &proxy.routes else {
        panic!("routes from elsewhere");
    };
    (**rds).clone()
}

/// The bootstrap with that source.
fn with(source: &str) -> String {
    let (before, rest) = RDS
        .split_once(r#""configSource": {"#)
        .expect("there is a source");
    let (_, after) = rest.split_once("}\n              }\n").expect("its end");
    format!("{before}\"configSource\": {source}\n              }}\n{after}")
}

#[test]
fn a_control_plane_that_is_a_cluster() {
    let rds = settings(RDS);
    assert_eq!(&*rds.route_config_name, "shop_20880");
    let expected = GrpcSource::new(GrpcServer::Cluster("control".to_owned()));
    assert_eq!(rds.source, ConfigSource::Grpc(expected));
    assert_eq!(rds.initial_fetch_timeout, Some(Duration::from_secs(15)));
}

#[test]
fn a_control_plane_that_is_a_target() {
    let rds = settings(&with(
        r#"{ "initialFetchTimeout": "0s", "apiConfigSource": {
            "apiType": "DELTA_GRPC", "transportApiVersion": "V3",
            "setNodeOnFirstMessageOnly": true,
            "grpcServices": {
              "googleGrpc": { "targetUri": "unix:/run/control.sock", "statPrefix": "x" },
              "initialMetadata": [ { "key": "X-Token", "value": "abc" } ] } } }"#,
    ));
    let target = GrpcTarget::plain("unix:/run/control.sock");
    let mut expected = GrpcSource::new(GrpcServer::Target(target));
    expected.delta = true;
    expected.node_on_first_message_only = true;
    expected.metadata = vec![("x-token".to_owned(), "abc".to_owned())];
    assert_eq!(rds.source, ConfigSource::Grpc(expected));
    assert_eq!(rds.initial_fetch_timeout, None);
}

#[test]
fn the_host_of_a_target() {
    for (uri, host) in [
        ("control:18000", Some("control")),
        ("dns:///control.example:18000", Some("control.example")),
        ("ipv4:127.0.0.1:1", Some("127.0.0.1")),
        ("ipv6:[::1]:1", Some("::1")),
        ("unix:/run/x", None),
    ] {
        assert_eq!(GrpcTarget::plain(uri).host(), host, "{uri}");
    }
}

#[test]
fn files() {
    let expected = ConfigSource::File(FileSource::new("/etc/routes.yaml"));
    for source in [
        r#"{ "path": "/etc/routes.yaml" }"#,
        r#"{ "pathConfigSource": { "path": "/etc/routes.yaml" } }"#,
        r#"{ "pathConfigSource": { "path": "/etc/routes.yaml",
             "watchedDirectory": { "path": "/etc" } } }"#,
    ] {
        assert_eq!(settings(&with(source)).source, expected, "{source}");
    }
}

#[test]
fn what_is_wrong_or_not_there_yet() {
    let grpc = |fields: &str| format!(r#"{{ "apiConfigSource": {{ {fields} }} }}"#);
    for (source, expected) in [
        (
            grpc(
                r#""apiType": "GRPC", "grpcServices": { "envoyGrpc": { "clusterName": "nobody" } }"#,
            ),
            "envoy_grpc.cluster_name: there is no cluster \"nobody\"",
        ),
        (
            grpc(r#""apiType": "GRPC""#),
            "grpc_services: expected one server, found 0",
        ),
        ("{}".to_owned(), "config_source"),
        (r#"{ "path": "" }"#.to_owned(), "path: must not be empty"),
    ] {
        let found = errors(&with(&source));
        assert!(
            found.iter().any(|error| error.contains(expected)),
            "{source}: {found:?}"
        );
    }
    for (source, expected) in [
        (
            r#"{ "ads": {} }"#.to_owned(),
            "aggregated discovery is not implemented yet",
        ),
        (
            grpc(
                r#""apiType": "REST", "grpcServices": { "envoyGrpc": { "clusterName": "control" } }"#,
            ),
            "only GRPC and DELTA_GRPC are implemented yet",
        ),
        (
            grpc(
                r#""apiType": "GRPC", "grpcServices": { "googleGrpc": { "targetUri": "a:1",
                   "statPrefix": "x", "channelCredentials": { "sslCredentials": {} } } }"#,
            ),
            "the authorities that the system trusts are not implemented yet",
        ),
    ] {
        let found = notes(&good(&with(&source)), Severity::Unsupported);
        assert!(
            found.iter().any(|note| note.contains(expected)),
            "{source}: {found:?}"
        );
    }
}
