//! TLS as the file says it.

use std::{fs, time::Duration};

use meta_rds::Severity;
use meta_tls::{
    CertificateSource, CipherSuite, DataSource, KeyExchange, SanKind, Secret, TlsVersion,
    ValidationSource,
};

use crate::support::{errors, good, notes, thrift_with};

const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/// The thrift bootstrap with TLS in its cluster.
fn client(context: &str) -> String {
    let socket = format!(
        "    transport_socket: {{ name: tls, typed_config: {{ '@type': {TLS}.UpstreamTlsContext, \
         {context} }} }}\n"
    );
    thrift_with("    type: STATIC\n", &format!("    type: STATIC\n{socket}"))
}

/// The thrift bootstrap with TLS in its filter chain, and a secret.
fn server(context: &str, chain: &str) -> String {
    let socket = format!(
        "    - transport_socket: {{ name: tls, typed_config: {{ '@type': {TLS}.DownstreamTlsContext, \
         {context} }} }}\n      {chain}\n      filters:\n"
    );
    thrift_with("    - filters:\n", &socket)
}

const CERTIFICATE: &str = "tls_certificates: [ { certificate_chain: { filename: /etc/cert.pem }, \
                           private_key: { inline_string: 'the key' } } ]";

#[test]
fn a_servers_settings() {
    let text = server(
        &format!(
            "require_client_certificate: true, require_sni: true, common_tls_context: {{ \
             {CERTIFICATE}, alpn_protocols: [ dubbo, thrift ], \
             tls_params: {{ tls_minimum_protocol_version: TLSv1_2, \
             tls_maximum_protocol_version: TLSv1_3, ecdh_curves: [ X25519, P-256 ], \
             cipher_suites: [ '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]', \
             AES128-SHA ] }}, \
             validation_context: {{ trusted_ca: {{ environment_variable: CA }}, \
             match_typed_subject_alt_names: [ {{ san_type: URI, matcher: {{ prefix: 'spiffe://a/' }} }} ], \
             match_subject_alt_names: [ {{ exact: b.example }} ], \
             trust_chain_verification: ACCEPT_UNTRUSTED, \
             verify_certificate_spki: [ 32/3L+kRZSEmj28t1JZvUd9HmIP+cDezn3WRasMEnRo= ] }} }}"
        ),
        "transport_socket_connect_timeout: 3s",
    );
    let bootstrap = good(&text);
    assert_eq!(bootstrap.unsupported().count(), 0, "{:?}", bootstrap.notes);
    let warnings = notes(&bootstrap, Severity::Warning).join("\n");
    assert!(
        warnings.contains("left out: AES128-SHA is too weak"),
        "{warnings}"
    );
    let tls = bootstrap.listeners[0].filter_chains[0].tls.clone();
    let server = tls.expect("there is TLS");
    assert!(server.require_client_certificate && server.require_server_name);
    assert!(server.resumption);
    assert_eq!(server.handshake_timeout, Duration::from_secs(3));
    let tls = &server.tls;
    let [CertificateSource::Static(certificate)] = &tls.certificates[..] else {
        panic!("{:?}", tls.certificates);
    };
    assert_eq!(certificate.chain, DataSource::File("/etc/cert.pem".into()));
    assert_eq!(certificate.key, DataSource::Inline(b"the key".to_vec()));
    assert!(!format!("{server:?}").contains("the key"));
    assert_eq!(tls.min_version, Some(TlsVersion::Tls12));
    assert_eq!(tls.max_version, Some(TlsVersion::Tls13));
    let suites = [
        CipherSuite::EcdheEcdsaAes128GcmSha256,
        CipherSuite::EcdheEcdsaChacha20Poly1305,
    ];
    assert_eq!(tls.cipher_suites, suites);
    assert_eq!(tls.key_exchanges, [KeyExchange::X25519, KeyExchange::P256]);
    assert_eq!(tls.alpn, ["dubbo", "thrift"]);
    let Some(ValidationSource::Static(validation)) = &tls.validation else {
        panic!("{:?}", tls.validation);
    };
    assert_eq!(
        validation.trusted_ca,
        Some(DataSource::Environment("CA".into()))
    );
    assert!(validation.accept_untrusted);
    assert_eq!(validation.spki_pins.len(), 1);
    let kinds: Vec<_> = validation
        .subject_alt_names
        .iter()
        .map(|san| san.kind)
        .collect();
    assert_eq!(kinds, [Some(SanKind::Uri), None]);
}

#[test]
fn a_clients_settings() {
    let text = client("sni: b.example, auto_sni_san_validation: true, max_session_keys: 3");
    let bootstrap = good(&text);
    let warnings = notes(&bootstrap, Severity::Warning).join("\n");
    let expected = "common_tls_context: servers are not verified without a trusted_ca";
    assert!(warnings.contains(expected), "{warnings}");
    let client = bootstrap.clusters[0].tls.clone().expect("there is TLS");
    assert_eq!(client.sni.as_deref(), Some("b.example"));
    assert!(client.verify_sni);
    assert_eq!(client.max_sessions, 3);
    assert!(client.tls.certificates.is_empty() && client.tls.validation.is_none());
}

#[test]
fn the_name_of_the_host_is_asked_for() {
    let text = client("auto_host_sni: true")
        .replace("type: STATIC", "type: STRICT_DNS")
        .replace(
            "address: 127.0.0.1\n                port",
            "address: b.example\n                port",
        );
    let client = good(&text).clusters[0].tls.clone().expect("there is TLS");
    assert_eq!(client.sni.as_deref(), Some("b.example"));
    // Addresses have no name.
    let bootstrap = good(&self::client("auto_host_sni: true"));
    assert_eq!(bootstrap.unsupported().count(), 1);
}

#[test]
fn secrets_by_name() {
    let common = "common_tls_context: { \
                  tls_certificate_sds_secret_configs: [ { name: ours } ], \
                  combined_validation_context: { \
                  default_validation_context: { match_subject_alt_names: [ { exact: a } ] }, \
                  validation_context_sds_secret_config: { name: theirs } } }";
    let secrets = "static_resources:\n  secrets:\n\
                   \x20 - { name: ours, tls_certificate: { certificate_chain: { filename: /c }, \
                   private_key: { filename: /k } } }\n\
                   \x20 - { name: theirs, validation_context: { trusted_ca: { filename: /ca }, \
                   match_subject_alt_names: [ { exact: b } ] } }\n";
    let text = server(common, "").replacen("static_resources:\n", secrets, 1);
    let bootstrap = good(&text);
    assert_eq!(bootstrap.unsupported().count(), 0, "{:?}", bootstrap.notes);
    let tls = bootstrap.listeners[0].filter_chains[0].tls.clone();
    let tls = tls.expect("there is TLS").tls;
    let [CertificateSource::Static(certificate)] = &tls.certificates[..] else {
        panic!("{:?}", tls.certificates);
    };
    assert_eq!(certificate.key, DataSource::File("/k".into()));
    let Some(ValidationSource::Static(validation)) = tls.validation else {
        panic!("{:?}", tls.validation);
    };
    assert_eq!(validation.trusted_ca, Some(DataSource::File("/ca".into())));
    assert_eq!(validation.subject_alt_names.len(), 2);

    let errors = errors(&server(common, ""));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains(
        "tls_certificate_sds_secret_configs[0].name: there is no secret \"ours\" in static_resources"
    ));
}

#[test]
fn secrets_in_files_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sds.yaml");
    let text = server(
        &format!(
            "common_tls_context: {{ tls_certificate_sds_secret_configs: [ {{ name: ours, \
             sds_config: {{ path_config_source: {{ path: {} }} }} }} ] }}",
            file.display()
        ),
        "",
    );
    // The file is looked at when the context is made.
    let bootstrap = good(&text);
    assert_eq!(bootstrap.unsupported().count(), 0, "{:?}", bootstrap.notes);
    let tls = bootstrap.listeners[0].filter_chains[0].tls.clone();
    let [CertificateSource::Secret(secret)] = &tls.expect("there is TLS").tls.certificates[..]
    else {
        panic!("a secret");
    };
    assert_eq!(
        (&*secret.name, secret.source.file()),
        ("ours", Some(&*file))
    );

    let read = |text: &str| {
        fs::write(&file, text).expect("written");
        secret.source.read()
    };
    let secret_text = "tls_certificate: { certificate_chain: { filename: /c }, \
                       private_key: { filename: /k } }";
    let response = format!(
        "resources:\n- {{ '@type': {TLS}.Secret, name: other, validation_context: {{}} }}\n\
         - {{ '@type': {TLS}.Secret, name: ours, {secret_text} }}\n"
    );
    let bare = format!("{{ name: ours, {secret_text} }}");
    for text in [&response, &bare] {
        let Secret::Certificate(found) = read(text).expect("it is there") else {
            panic!("a certificate");
        };
        assert_eq!(found.key, DataSource::File("/k".into()));
    }
    for (text, expected) in [
        (String::new(), "is empty"),
        ("resources: 3".to_owned(), "resources is no list"),
        (response.replace("ours", "theirs"), "no secret of this name"),
        (
            bare.replace("private_key", "private_kex"),
            "private_kex: unknown field",
        ),
        (
            bare.replace("private_key: { filename: /k }", ""),
            "private_key: required",
        ),
        (
            "{ name: ours, generic_secret: {} }".to_owned(),
            "neither a certificate nor",
        ),
        ("a: [".to_owned(), "not YAML"),
    ] {
        let error = read(&text).expect_err("it is bad");
        assert!(error.contains(expected), "{error}");
    }
    fs::remove_file(&file).expect("removed");
    let error = secret.source.read().expect_err("it is gone");
    assert!(error.starts_with("cannot read"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_path() {
    let params = |params: &str| {
        server(
            &format!("common_tls_context: {{ {CERTIFICATE}, tls_params: {{ {params} }} }}"),
            "",
        )
    };
    let validation = |context: &str| {
        client(&format!(
            "common_tls_context: {{ validation_context: {{ {context} }} }}"
        ))
    };
    let socket = thrift_with(
        "    type: STATIC\n",
        &format!(
            "    type: STATIC\n    transport_socket: {{ name: tls, typed_config: {{ '@type': {TLS}.DownstreamTlsContext }} }}\n"
        ),
    );
    for (text, expected) in [
        (
            params("tls_minimum_protocol_version: TLSv1_0"),
            "tls_params.tls_minimum_protocol_version: TLSv1_0 is not spoken any more: the oldest \
             version is TLSv1_2",
        ),
        (
            params("tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_2"),
            "tls_maximum_protocol_version: older than the minimum",
        ),
        (
            params("cipher_suites: [ RC4-MD5 ]"),
            "cipher_suites: \"RC4-MD5\" is not known",
        ),
        (
            params("cipher_suites: [ AES128-SHA ]"),
            "cipher_suites: nothing is left",
        ),
        (
            params("ecdh_curves: [ P-521 ]"),
            "ecdh_curves: \"P-521\" is not known",
        ),
        (
            server("common_tls_context: {}", ""),
            "tls_certificates: required: a server needs",
        ),
        (
            server(
                "common_tls_context: { tls_certificates: [ { certificate_chain: { filename: a } } ] }",
                "",
            ),
            "tls_certificates[0].private_key: required",
        ),
        (validation("trusted_ca: {}"), "trusted_ca: "),
        (
            validation("verify_certificate_hash: [ zz ]"),
            "verify_certificate_hash[0]: ",
        ),
        (
            validation("match_subject_alt_names: [ { safe_regex: { regex: '(' } } ]"),
            "match_subject_alt_names[0].safe_regex.regex: invalid regex",
        ),
        (
            client("auto_sni_san_validation: true"),
            "auto_sni_san_validation: there is no name",
        ),
        (client("sni_: x"), "sni_: unknown field"),
        (
            socket,
            "typed_config: expected type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        ),
    ] {
        let errors = errors(&text);
        assert!(
            errors.iter().any(|error| error.contains(expected)),
            "{expected}: {errors:?}"
        );
    }
}

#[test]
fn what_is_not_there_yet_is_refused_when_it_is_run() {
    let sds = "{ name: a, sds_config: { api_config_source: { api_type: GRPC, grpc_services: \
               [ { envoy_grpc: { cluster_name: sds } } ] } } }";
    let common = |context: &str| client(&format!("common_tls_context: {{ {context} }}"));
    for (text, expected) in [
        (
            common(&format!("tls_certificate_sds_secret_configs: [ {sds} ]")),
            "tls_certificate_sds_secret_configs[0].sds_config: secrets from a control plane",
        ),
        (
            common("validation_context: { allow_expired_certificate: true }"),
            "allow_expired_certificate: accepting expired certificates is not implemented yet",
        ),
        (
            common("validation_context: { system_root_certs: {} }"),
            "system_root_certs: the system's own authorities are not implemented yet",
        ),
        (
            common(
                "tls_certificates: [ { certificate_chain: { filename: a }, private_key: \
                    { filename: b }, password: { filename: c } } ]",
            ),
            "password: encrypted private keys are not implemented yet",
        ),
    ] {
        let bootstrap = good(&text);
        let found = notes(&bootstrap, Severity::Unsupported).join("\n");
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn probes_of_idle_connections() {
    let options = "upstream_connection_options: { tcp_keepalive: { keepalive_probes: 3, \
                   keepalive_time: 60, keepalive_interval: 0 } }";
    let text = thrift_with(
        "    type: STATIC\n",
        &format!("    type: STATIC\n    {options}\n"),
    );
    let keepalive = good(&text).clusters[0].config.socket.keepalive;
    let keepalive = keepalive.expect("there are some");
    assert_eq!(keepalive.probes, Some(3));
    assert_eq!(keepalive.time, Some(Duration::from_secs(60)));
    assert_eq!(keepalive.interval, None);
}
