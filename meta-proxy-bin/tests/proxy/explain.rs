//! `meta-proxy explain`, and what `validate` says of routes that no request takes.

use serde_json::{Value, json};

use crate::{program::Program, run::File};

const BOOTSTRAP: &str = "\
static_resources:
  listeners:
  - name: greeter
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - name: plain
      filter_chain_match: { transport_protocol: raw_buffer }
      filters:
      - name: proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: plain
          protocol: { name: thrift, codec: { name: aeraki.meta_protocol.codec.thrift } }
          route_config:
            routes:
            - name: hello
              match:
                metadata:
                - { name: method, string_match: { exact: hello } }
                - { name: user, string_match: { prefix: test- }, invert_match: true }
              route: { cluster: v1 }
            - name: peers
              match: { metadata: [ { name: connection.mtls, string_match: { exact: 'true' } } ] }
              route: { cluster: v1 }
            - name: canary
              match: { metadata: [ { name: method, string_match: { prefix: he } } ] }
              route: { weighted_clusters: { clusters: [ { name: v1, weight: 90 }, { name: v2, weight: 10 } ] } }
              request_mutation: [ { key: tag, value: canary } ]
              response_mutation: [ { key: by, value: proxy } ]
            - name: dead
              match: { metadata: [ { name: Method }, { name: method, string_match: { exact: help } } ] }
              route: { cluster: v1 }
    default_filter_chain:
      filters:
      - name: proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: rest
          protocol: { name: thrift, codec: { name: aeraki.meta_protocol.codec.thrift } }
          route_config: { routes: [ { name: all, route: { cluster: v2 } } ] }
  clusters: [ { name: v1 }, { name: v2 } ]
";

const PLAIN: [&str; 4] = ["--listener", "greeter", "--chain", "plain"];

/// The exit code, the output and what was said of errors.
fn explain(arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = File::new(BOOTSTRAP);
    let program = Program::start(&[&["explain", "-c", file.path()], arguments].concat());
    let output = program.lines().join("\n");
    let (code, errors) = program.end();
    (code, output, errors)
}

#[test]
fn why_a_request_takes_its_route() {
    let call = ["--attr", "method=hello", "--attr", "User=test-7"];
    let (code, output, errors) = explain(&[&PLAIN[..], &call].concat());
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(
        output,
        "\
listener greeter, filter chain plain: 4 routes

route 0 \"hello\" does not match
  yes  method is \"hello\": found \"hello\"
  no   user does not begin with \"test-\": found \"test-7\"
route 1 \"peers\" does not match
  no   connection.mtls is \"true\": the connection has \"false\"
route 2 \"canary\" matches
  yes  method begins with \"he\": found \"hello\"
1 route behind it is not asked

cluster v1: 90 of 100
cluster v2: 10 of 100
timeout 15s, the default; the client's own shortens it
request: set tag to \"canary\"
response: set by to \"proxy\""
    );
    let (code, output, _) = explain(&[&PLAIN[..], &call, &["--one-way"]].concat());
    assert_eq!(code, Some(0));
    assert!(output.ends_with("no response is changed: a one-way call has none"));
}

#[test]
fn the_connection_says_who_is_there() {
    let claim = "connection.mtls=true";
    let (code, output, _) = explain(&[&PLAIN[..], &["--header", claim]].concat());
    assert_eq!(code, Some(1));
    assert!(output.contains("the connection has \"false\""), "{output}");
    assert!(
        output.ends_with("no route matches: the answer is no_matched_route"),
        "{output}"
    );
    let uri = "connection.uri_san_peer_certificate=spiffe://a";
    for said in [claim, uri] {
        let (code, output, _) = explain(&[&PLAIN[..], &["--attr", said]].concat());
        assert_eq!(code, Some(0));
        assert!(output.contains("route 1 \"peers\" matches"), "{output}");
    }
    let both = ["--attr", uri, "--attr", "connection.mtls=false"];
    let (code, _, errors) = explain(&[&PLAIN[..], &both].concat());
    assert_eq!(code, Some(2));
    assert!(errors.contains("--attr: connection.mtls: only"), "{errors}");
}

#[test]
fn for_programs() {
    let call = ["--attr", "method=heat", "--format", "json"];
    let (code, output, _) = explain(&[&PLAIN[..], &call].concat());
    assert_eq!(code, Some(0));
    let answer: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!(
        answer["asked"][0]["conditions"][1],
        json!({
            "name": "user",
            "of": "message",
            "rule": "prefix",
            "value": "test-",
            "invert": true,
            "ignore_case": false,
            "missing_as_empty": false,
            "found": null,
            "holds": false,
        })
    );
    assert_eq!(
        answer["matched"],
        json!({
            "index": 2,
            "name": "canary",
            "clusters": [ { "name": "v1", "weight": 90 }, { "name": "v2", "weight": 10 } ],
            "mirrors": [],
            "timeout_seconds": 15.0,
            "timeout_is_default": true,
            "request_mutation": [ { "key": "tag", "value": "canary" } ],
            "response_mutation": [ { "key": "by", "value": "proxy" } ],
        })
    );
    let (code, output, _) = explain(&[&PLAIN[..], &["--format", "json"]].concat());
    assert_eq!(code, Some(1));
    let answer: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!(answer["matched"], Value::Null);
}

#[test]
fn where_it_is_asked() {
    let (code, output, _) = explain(&["--chain", "default", "--attr", "a=b"]);
    assert_eq!(code, Some(0));
    assert!(output.contains("route 0 \"all\" matches\n  yes  it has no conditions"));
    for (arguments, expected) in [
        (
            &[][..],
            "--chain: there are several filter chains: plain, default",
        ),
        (
            &["--chain", "x"],
            "no filter chain \"x\", but plain, default",
        ),
        (&["--listener", "x"], "no listener \"x\", but: greeter"),
        (&["--attr", "x"], "expected NAME=VALUE"),
    ] {
        let (code, output, errors) = explain(arguments);
        assert_eq!((code, &*output), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains(expected), "{errors}");
    }
    // Not to be taken for the answer that no route matches.
    let program = Program::start(&["explain", "-c", "/nowhere/at/all.yaml"]);
    let (code, errors) = program.end();
    assert_eq!(code, Some(2), "{errors}");
    assert!(
        errors.contains("/nowhere/at/all.yaml: cannot be read"),
        "{errors}"
    );
}

/// Those of a control plane are told in a file, or stand in the one that is watched.
#[test]
fn routes_from_elsewhere() {
    let routes = File::new(
        "name: shop\nroutes:\n- { name: all, route: { cluster: v1 } }\n\
         - { name: late, route: { cluster: v2 } }\n",
    );
    let source = |text: &str| {
        let head = "static_resources: { listeners: [ { name: in, address: { socket_address: \
                    { address: 127.0.0.1, port_value: 0 } }, filter_chains: [ { filters: [ { \
                    name: aeraki.meta_protocol_proxy, typed_config: { '@type': \
                    type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy, \
                    stat_prefix: in, protocol: { name: thrift, codec: { name: \
                    aeraki.meta_protocol.codec.thrift } }, rds: { route_config_name: shop, \
                    config_source: {";
        let tail = "} } } } ] } ] } ], clusters: [ { name: v1 }, { name: control } ] }";
        File::new(&format!("{head} {text} {tail}"))
    };
    let watched = source(&format!(
        "path_config_source: {{ path: {} }}",
        routes.path()
    ));
    let served = source(
        "api_config_source: { api_type: GRPC, transport_api_version: V3, grpc_services: [ { \
         envoy_grpc: { cluster_name: control } } ] }",
    );
    let explain = |file: &File, more: &[&str]| {
        let program = Program::start(&[&["explain", "-c", file.path()], more].concat());
        let output = program.lines().join("\n");
        let (code, errors) = program.end();
        (code, output, errors)
    };
    for (file, more) in [(&watched, &[][..]), (&served, &["--routes", routes.path()])] {
        let (code, output, errors) = explain(file, more);
        assert_eq!(code, Some(0), "{errors}");
        assert!(output.contains("route 0 \"all\" matches"), "{output}");
    }
    let (code, _, errors) = explain(&served, &[]);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("--routes has to say which file"),
        "{errors}"
    );
    let other = File::new("name: other\nroutes:\n- { route: { cluster: v1 } }\n");
    let (code, _, errors) = explain(&served, &["--routes", other.path()]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("no table \"shop\", but: other"), "{errors}");

    // `validate` reads the file, too.
    let program = Program::start(&["validate", "-c", watched.path()]);
    let output = program.lines().join("\n");
    assert_eq!(program.end().0, Some(0));
    let late = format!(
        "warning: {}:4: routes[1]: no request takes it",
        routes.path()
    );
    assert!(output.contains(&late), "{output}");
    let gone = source("path_config_source: { path: /nowhere/at/all.yaml }");
    let program = Program::start(&["validate", "-c", gone.path()]);
    let output = program.lines().join("\n");
    assert_eq!(program.end().0, Some(0));
    let expected = "typed_config.rds: the routes are not there yet: /nowhere/at/all.yaml";
    assert!(output.contains(expected), "{output}");
}

#[test]
fn routes_that_no_request_takes() {
    let file = File::new(BOOTSTRAP);
    let program = Program::start(&["validate", "-c", file.path()]);
    let routes = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
                  route_config.routes";
    let dead = format!(
        "warning: {}:30: {routes}[3]: no request takes it: {routes}[2] takes all that it matches",
        file.path()
    );
    assert_eq!(program.lines(), [dead.as_str(), "ok"]);
    assert_eq!(program.end(), (Some(0), String::new()));
}
