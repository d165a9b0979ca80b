//! The forms a bootstrap may have: YAML and JSON, both spellings, merged texts.

use meta_core::Address;
use meta_rds::{Loader, Severity, Source};

use crate::support::{DUBBO, RDS, THRIFT, good, load, notes};

#[test]
fn one_map_stands_for_a_list_of_one() {
    let bootstrap = good(THRIFT);
    assert_eq!(bootstrap.listeners.len(), 1);
    assert_eq!(bootstrap.clusters.len(), 1);
    assert_eq!(bootstrap.unsupported().count(), 0);
}

#[test]
fn json_and_camel_case() {
    let bootstrap = good(RDS);
    let Address::Unix(path) = &bootstrap.listeners[0].address else {
        panic!("a pipe");
    };
    assert_eq!(path.to_str(), Some("/run/in.sock"));
    assert!(bootstrap.clusters[0].http2);
}

#[test]
fn deprecated_fields_are_warned_of_once() {
    let text = THRIFT.replace(
        "                - name: method\n",
        "                - name: service\n                  exact_match: x\n                - name: method\n",
    );
    let warnings = notes(&good(&text), Severity::Warning);
    let about: Vec<_> = warnings
        .iter()
        .filter(|w| w.contains("exact_match"))
        .collect();
    let [warning] = about[..] else {
        panic!("{warnings:?}");
    };
    assert!(
        warning.ends_with("deprecated (1 more like this)"),
        "{warning}"
    );
}

#[test]
fn of_a_key_given_twice_the_last_counts() {
    let text = "node:\n  id: a\n  cluster: c\n  id: b\n";
    let bootstrap = good(text);
    assert_eq!(bootstrap.node.id, "b");
    assert_eq!(
        notes(&bootstrap, Severity::Warning),
        ["test:4: node.id: given twice; the last counts"]
    );
    let json = good(r#"{"node": {"id": "a", "id": "b"}}"#);
    assert_eq!(json.node.id, "b");
}

#[test]
fn a_second_text_is_merged_over_the_first() {
    let over = "\
node: { cluster: other, metadata: { LABELS: { app: x }, NAME: n } }
static_resources:
  clusters:
  - name: more
";
    let bootstrap = load(&[DUBBO, over]).expect("both are right");
    // Scalars replace, messages merge, a map's keys are replaced one by one.
    assert_eq!(bootstrap.node.cluster, "other");
    assert!(bootstrap.node.id.starts_with("sidecar~"));
    assert_eq!(bootstrap.node.metadata["LABELS"]["app"], "x");
    assert_eq!(
        bootstrap.node.metadata["LABELS"]["replicas"],
        serde_json::Value::Null
    );
    assert_eq!(bootstrap.node.metadata["NAME"], "n");
    // Lists are appended.
    let names: Vec<_> = bootstrap.clusters.iter().map(|c| &*c.config.name).collect();
    assert_eq!(names, ["shop-v1", "shop-v2", "more"]);
}

#[test]
fn the_member_of_a_oneof_that_comes_later_stays() {
    let first = "admin: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } } }";
    let over = "admin: { address: { pipe: { path: /run/admin } } }";
    let bootstrap = load(&[first, over]).expect("both are right");
    assert!(matches!(bootstrap.admin, Some(Address::Unix(_))));
}

#[test]
fn problems_name_the_text_they_are_in() {
    let sources = [
        Source::new("a.yaml", "node: { idd: x }"),
        Source::new("--config-yaml", "admin:\n  addres: {}"),
    ];
    let error = Loader::new().load(&sources).expect_err("both are wrong");
    let text = error.to_string();
    assert!(text.contains("a.yaml:1: node.idd: unknown field"), "{text}");
    assert!(
        text.contains("--config-yaml:2: admin.addres: unknown field"),
        "{text}"
    );
}

#[test]
fn unknown_fields_may_be_allowed() {
    let mut loader = Loader::new();
    loader.allow_unknown_fields = true;
    let source = Source::new("test", "node: { idd: x, id: y }");
    let bootstrap = loader.load(&[source]).expect("a warning");
    assert_eq!(bootstrap.node.id, "y");
    let warnings = notes(&bootstrap, Severity::Warning);
    assert!(
        warnings[0].starts_with("test:1: node.idd: unknown field"),
        "{warnings:?}"
    );
}

#[test]
fn nothing_at_all_is_a_bootstrap() {
    for text in ["", "# nothing\n", "{}", "---\n", "null"] {
        assert!(good(text).listeners.is_empty(), "{text:?}");
    }
}

#[test]
fn anchors_and_braces() {
    let text = "{ node: &n { id: a, locality: { region: &r north, zone: *r } } }";
    let bootstrap = good(text);
    assert_eq!(bootstrap.node.locality, ["north", "north", ""]);
}
