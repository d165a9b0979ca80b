//! The bootstrap as it is shown.

use meta_rds::{Bootstrap, Loader, Source};
use serde_json::{Value, json};

fn load(text: &str) -> Bootstrap {
    let loaded = Loader::new().load(&[Source::new("test", text)]);
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

fn shown(text: &str) -> Value {
    serde_json::from_str(&load(text).document).expect("it is JSON")
}

#[test]
fn what_was_said_is_shown_in_one_form() {
    let text = "\
node: { id: a, metadata: { n: 1 } }
staticResources:
  clusters:
    name: one
    connectTimeout: 0.5s
    circuitBreakers: { thresholds: { maxConnections: 7 } }
";
    assert_eq!(
        shown(text),
        json!({
            "node": { "id": "a", "metadata": { "n": 1.0 } },
            "static_resources": { "clusters": [ {
                "name": "one",
                "connect_timeout": "0.500s",
                "circuit_breakers": { "thresholds": [ { "max_connections": 7 } ] },
            } ] },
        })
    );
    assert_eq!(shown(""), json!({}));
    assert_eq!(&*Bootstrap::default().document, "{}");
}

#[test]
fn what_is_shown_says_the_same() {
    for text in [
        include_str!("../data/dubbo.yaml"),
        include_str!("../data/rds.json"),
        include_str!("../data/thrift.yaml"),
    ] {
        let first = load(text);
        let again = load(&first.document);
        assert_eq!(again.document, first.document);
        let clusters = |bootstrap: &Bootstrap| {
            let clusters = bootstrap.clusters.iter();
            let clusters = clusters.map(|cluster| format!("{:?}", cluster.config));
            clusters.collect::<Vec<_>>()
        };
        assert_eq!(clusters(&again), clusters(&first));
        assert_eq!(again.listeners.len(), first.listeners.len());
    }
}

#[test]
fn secrets_are_not_shown() {
    let text = "\
node: { metadata: { password: geheim, labels: { app: greeter } } }
static_resources:
  clusters:
  - name: one
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          tls_certificates:
          - certificate_chain: { inline_string: public }
            private_key: { inline_string: geheim }
            password: { inline_string: geheim }
          - certificate_chain: { filename: /cert.pem }
            private_key: { filename: /key.pem }
          - certificate_chain: { filename: /cert.pem }
            private_key: { inline_bytes: Z2VoZWlt }
  secrets:
  - name: tickets
    session_ticket_keys: { keys: [ { inline_string: geheim }, { environment_variable: KEY } ] }
  - name: generic
    generic_secret: { secret: { inline_string: geheim } }
";
    let document = load(text).document;
    for secret in ["geheim", "Z2VoZWlt"] {
        assert!(!document.contains(secret), "{document}");
    }
    let shown = shown(text);
    let tls = &shown["static_resources"]["clusters"][0]["transport_socket"]["typed_config"];
    let certificates = &tls["common_tls_context"]["tls_certificates"];
    assert_eq!(
        certificates[0]["certificate_chain"]["inline_string"],
        "public"
    );
    assert_eq!(
        certificates[0]["private_key"]["inline_string"],
        "[redacted]"
    );
    assert_eq!(certificates[1]["private_key"]["filename"], "/key.pem");
    // Bytes are in base64.
    let bytes = &certificates[2]["private_key"]["inline_bytes"];
    assert_eq!(bytes, "W3JlZGFjdGVkXQ==");
    let secrets = &shown["static_resources"]["secrets"];
    assert_eq!(secrets[0]["name"], "tickets");
    let keys = &secrets[0]["session_ticket_keys"]["keys"];
    assert_eq!(keys[0]["inline_string"], "[redacted]");
    assert_eq!(keys[1]["environment_variable"], "KEY");
    let generic = &secrets[1]["generic_secret"]["secret"];
    assert_eq!(generic["inline_string"], "[redacted]");
    assert_eq!(shown["node"]["metadata"]["password"], "[redacted]");
}

#[test]
fn what_is_not_named_as_a_secret_but_marked_is_not_shown() {
    // Of a `TlsCertificate` only the names above would be known without the marks.
    let text = "\
static_resources:
  secrets:
  - name: key
    tls_certificate: { pkcs12: { inline_bytes: Z2VoZWlt } }
";
    let document = load(text).document;
    assert!(document.contains("pkcs12"), "{document}");
    assert!(!document.contains("Z2VoZWlt"), "{document}");
}
