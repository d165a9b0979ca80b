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
  secrets:
  - name: files
    tls_certificate: { certificate_chain: { filename: /cert.pem }, private_key: { filename: /key.pem } }
  - name: bytes
    tls_certificate: { certificate_chain: { filename: /cert.pem }, private_key: { inline_bytes: Z2VoZWlt } }
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
    let secrets = &shown["static_resources"]["secrets"];
    assert_eq!(secrets[0]["name"], "files");
    let key = &secrets[0]["tls_certificate"]["private_key"];
    assert_eq!(key["filename"], "/key.pem");
    // Bytes are in base64: it is by the mark of the field that they are known.
    let key = &secrets[1]["tls_certificate"]["private_key"];
    assert_eq!(key["inline_bytes"], "W3JlZGFjdGVkXQ==");
    let keys = &secrets[2]["session_ticket_keys"]["keys"];
    assert_eq!(keys[0]["inline_string"], "[redacted]");
    assert_eq!(keys[1]["environment_variable"], "KEY");
    let generic = &secrets[3]["generic_secret"]["secret"];
    assert_eq!(generic["inline_string"], "[redacted]");
    assert_eq!(shown["node"]["metadata"]["password"], "[redacted]");
}
