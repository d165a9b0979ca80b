//! All problems at once, each with its path and line.

use meta_rds::{Loader, Source};

use crate::support::{errors, thrift_with};

#[test]
fn all_at_once() {
    let text = "\
node:
  ident: x
admin:
  address:
    socket_address: { address: localhost, port_value: 70000 }
static_resources:
  listeners:
  - name: [a]
    address: 3
  clusters:
  - connect_timeout: 5
    lb_policy: FAIREST
    type: STATIC
    cluster_type: { name: x }
  - name: c
    connect_timeout: -1s
    circuit_breakers: { thresholds: [ { max_requests: -1 } ] }
";
    assert_eq!(
        errors(text),
        [
            "test:2: node.ident: unknown field; it is none of envoy.config.core.v3.Node",
            "test:8: static_resources.listeners[0].name: expected text, found a list",
            "test:9: static_resources.listeners[0].address: expected a map of fields, found 3",
            "test:11: static_resources.clusters[0].connect_timeout: expected a duration such as \
             1.5s, found 5",
            "test:12: static_resources.clusters[0].lb_policy: expected one of ROUND_ROBIN, \
             LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, \
             LOAD_BALANCING_POLICY_CONFIG, found \"FAIREST\"",
            "test:14: static_resources.clusters[0].cluster_type: only one of it and type may be \
             there",
            "test:17: static_resources.clusters[1].circuit_breakers.thresholds[0].max_requests: \
             expected a whole number from 0 to 4294967295, found -1",
            "test:5: admin.address.socket_address.port_value: must be at most 65535, is 70000",
            "test:11: static_resources.clusters[0].name: must not be empty",
            "test:16: static_resources.clusters[1].connect_timeout: must be greater than 0s, is \
             -1s",
            "test:8: static_resources.listeners[0].filter_chains: there is no filter chain",
        ]
    );
}

#[test]
fn what_is_in_an_any() {
    let begin = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    for (part, by, line, expected) in [
        (
            "v1alpha.MetaProtocolProxy",
            "v2.MetaProtocolProxy",
            16,
            ".@type: unknown type",
        ),
        (
            "          '@type'",
            "          'type'",
            16,
            ": there is no @type",
        ),
        (
            "statPrefix: orders",
            "statPrefix: ''",
            17,
            ".stat_prefix: must not be empty",
        ),
        (
            "statPrefix: orders",
            "statsPrefix: orders",
            17,
            ".statsPrefix: unknown field",
        ),
        (
            "exact_match: place",
            "exact_match: 3",
            30,
            "exact_match: expected text, found 3",
        ),
        (
            "exact_match: place",
            "safe_regex_match: { regex: 'a(' }",
            30,
            "invalid regex",
        ),
        (
            "key: tag",
            "key: ''",
            34,
            "request_mutation[0].key: must not be empty",
        ),
        (
            "cluster: outbound",
            "clusters: outbound",
            32,
            "route.clusters: unknown field",
        ),
        (
            "aeraki.meta_protocol.filters.router",
            "other",
            22,
            "the last filter has to be",
        ),
    ] {
        let errors = errors(&thrift_with(part, by));
        let place = format!("test:{line}: {begin}");
        let found = |error: &String| error.starts_with(&place) && error.contains(expected);
        assert!(errors.iter().any(found), "{by}: {errors:#?}");
    }
}

#[test]
fn two_spellings_of_one_field() {
    let text = thrift_with(
        "statPrefix: orders",
        "statPrefix: a\n          stat_prefix: b",
    );
    let errors = errors(&text);
    assert!(errors[0].ends_with("stat_prefix: given twice, as statPrefix and as stat_prefix"));
}

#[test]
fn names_have_to_be_unique() {
    let text = "\
static_resources:
  clusters:
  - name: a
  - name: a
";
    let expected = "test:4: static_resources.clusters[1].name: \"a\" is the name of \
                    static_resources.clusters[0] already";
    assert_eq!(errors(text), [expected]);
}

#[test]
fn json_has_paths_without_lines() {
    let errors = errors(r#"{"node": {"ident": 1}}"#);
    assert!(
        errors[0].starts_with("test: node.ident: unknown field"),
        "{errors:?}"
    );
}

#[test]
fn what_is_no_yaml_at_all() {
    for (text, line) in [
        ("a: b: c", 1),
        ("node:\n\tid: x", 2),
        ("node: [\n", 1),
        ("{ node: ", 1),
        ("a: *b", 1),
        ("a: 1\n---\nb: 2\n", 3),
        ("? [a]\n: b\n", 1),
    ] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{text:?}");
        assert!(
            found[0].starts_with(&format!("test:{line}")),
            "{text:?}: {found:?}"
        );
    }
    for text in ["- a\n", "just text", "3"] {
        assert!(
            errors(text)[0].contains("expected a map of fields"),
            "{text:?}"
        );
    }
}

#[test]
fn neither_depth_nor_aliases_cost_more_than_a_bound() {
    let deep = format!(
        "node: {{ metadata: {{ a: {}1{} }} }}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert!(!errors(&deep).is_empty());
    let mut laughs = String::from("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..10 {
        let before = level - 1;
        let list = vec![format!("*x{before}"); 10].join(", ");
        laughs.push_str(&format!("x{level}: &x{level} [{list}]\n"));
    }
    assert!(
        errors(&laughs)[0].contains("more than"),
        "{:?}",
        errors(&laughs)
    );
}

#[test]
fn a_file_that_is_not_there() {
    Source::file("/nowhere/at/all.yaml").expect_err("it is not there");
    Loader::new().load(&[]).expect("nothing is asked for");
}
