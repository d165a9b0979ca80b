//! Bootstrap files for our own proxy.

use std::fmt::Write;
use std::net::SocketAddr;

use super::peer::Task;

/// A file that routes each call from `listen` to the server: by its method, which
/// is the last of `routes` exact ones, or without a look at it where there are
/// none.
pub(super) fn of(task: &Task<'_>, routes: usize, listen: SocketAddr) -> String {
    let name = task.protocol.name();
    let (listener_tls, cluster_tls) = transport_sockets(task);
    format!(
        "\
static_resources:
  listeners:
  - name: bench
    address: {listen}
    filter_chains:
    - {listener_tls}filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: bench
          protocol: {{name: {name}, codec: {{name: aeraki.meta_protocol.codec.{name}}}}}
          route_config:
            routes:
{routes}  clusters:
  - name: echo
    type: STATIC
    {cluster_tls}connect_timeout: 5s
    load_assignment:
      cluster_name: echo
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {upstream}}}
    circuit_breakers: {{thresholds: [{{max_connections: 20000}}]}}
",
        listen = socket(listen),
        upstream = socket(task.upstream),
        routes = route_list(task.protocol.method(), routes),
    )
}

/// The lines that put a listener's filter chain and a cluster under TLS, each up to
/// the line that follows it; nothing without TLS.
pub(super) fn transport_sockets(task: &Task<'_>) -> (String, String) {
    let Some(pki) = task.tls else {
        return Default::default();
    };
    (
        format!("transport_socket: {}\n      ", pki.listener_socket()),
        format!("transport_socket: {}\n    ", pki.cluster_socket()),
    )
}

/// An address, as a YAML mapping in flow style.
pub(super) fn socket(address: SocketAddr) -> String {
    format!(
        "{{socket_address: {{address: {}, port_value: {}}}}}",
        address.ip(),
        address.port()
    )
}

fn route_list(method: &str, routes: usize) -> String {
    let route = |name: &str, condition: &str| {
        format!(
            "            - {{name: {name}, match: {{{condition}}}, route: {{cluster: echo}}}}\n"
        )
    };
    if routes == 0 {
        return route("all", "");
    }
    let exact = |method: &str| {
        let condition = format!("metadata: [{{name: method, string_match: {{exact: {method}}}}}]");
        route(method, &condition)
    };
    let mut list = String::new();
    for number in 1..routes {
        // Writing to a string does not fail.
        let _ = write!(list, "{}", exact(&format!("method_{number:05}")));
    }
    list + &exact(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_that_is_taken_comes_last() {
        let list = route_list("echo", 10);
        assert_eq!(list.lines().count(), 10);
        assert!(
            list.lines()
                .last()
                .is_some_and(|line| line.contains("exact: echo"))
        );
        assert_eq!(route_list("echo", 0).lines().count(), 1);
    }
}
