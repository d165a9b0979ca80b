//! Bootstrap files of proxies that get their routes from the control plane.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};

use super::form::Form;
use crate::suite::bootstrap::socket;
use crate::suite::measure::Setup;
use crate::suite::peer::Peer;

/// The cluster of the echo server that marks nothing.
pub(super) const PLAIN: &str = "plain";
/// The cluster of the one that marks its replies.
pub(super) const MARKED: &str = "marked";

/// A listener, and the name of its table.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) table: String,
}

/// The command that starts a peer with one worker.
pub(super) fn command(
    peer: Peer,
    places: &[Place],
    control: SocketAddr,
    servers: [SocketAddr; 2],
    setup: &Setup,
) -> Result<Command> {
    let form = Form::of(peer)?;
    let program = setup.binaries.program(peer).context("no program")?;
    let file = setup.work_dir.join(format!("{peer}-live.yaml"));
    fs::write(&file, bootstrap(form, places, control, servers))?;
    let mut command = Command::new(program);
    match form {
        Form::Http => {
            command.arg("run").arg("--config-path").arg(file);
            command.args(["--concurrency", "1", "--log-level", "warn"]);
        }
        Form::Thrift => {
            command.arg("--config-path").arg(file);
            command.args(["--concurrency", "1", "--disable-hot-restart"]);
            command.args(["--log-level", "error"]);
        }
    }
    Ok(command)
}

fn bootstrap(
    form: Form,
    places: &[Place],
    control: SocketAddr,
    [plain, marked]: [SocketAddr; 2],
) -> String {
    let mut text = "node: {id: bench, cluster: bench}\n".to_owned();
    if form == Form::Thrift {
        let _ = writeln!(
            text,
            "dynamic_resources: {{ads_config: {{api_type: GRPC, transport_api_version: V3, \
             grpc_services: [{{envoy_grpc: {{cluster_name: control}}}}]}}}}"
        );
    }
    text.push_str("static_resources:\n  listeners:\n");
    for Place { address, table } in places {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "  - name: {table}\n    address: {}\n    filter_chains:\n    - filters:\n      - {}\n",
            socket(*address),
            filter(form, table),
        );
    }
    text.push_str("  clusters:\n");
    text.push_str(&cluster("control", control));
    text.push_str(
        "    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
",
    );
    for (name, address) in [(PLAIN, plain), (MARKED, marked)] {
        text.push_str(&cluster(name, address));
        text.push_str(
            "    circuit_breakers: {thresholds: [{max_connections: 20000, \
             max_pending_requests: 20000, max_requests: 20000}]}\n",
        );
    }
    text
}

fn filter(form: Form, table: &str) -> String {
    match form {
        Form::Http => format!(
            "{{name: aeraki.meta_protocol_proxy, typed_config: {{\
             '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy, \
             stat_prefix: bench, \
             protocol: {{name: thrift, codec: {{name: aeraki.meta_protocol.codec.thrift}}}}, \
             rds: {{route_config_name: {table}, config_source: {{resource_api_version: V3, \
             initial_fetch_timeout: 0s, api_config_source: {{api_type: GRPC, \
             transport_api_version: V3, \
             grpc_services: [{{envoy_grpc: {{cluster_name: control}}}}]}}}}}}}}}}"
        ),
        Form::Thrift => format!(
            "{{name: envoy.filters.network.thrift_proxy, typed_config: {{\
             '@type': type.googleapis.com/\
             envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy, \
             stat_prefix: bench, transport: FRAMED, protocol: BINARY, \
             trds: {{route_config_name: {table}, config_source: {{resource_api_version: V3, \
             initial_fetch_timeout: 0s, ads: {{}}}}}}}}}}"
        ),
    }
}

fn cluster(name: &str, address: SocketAddr) -> String {
    format!(
        "  - name: {name}
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: {name}
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {}}}}}]}}]
",
        socket(address)
    )
}
