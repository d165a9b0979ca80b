//! The fields of TLS.

use super::{
    Fields,
    Support::{NoEffect, NotYet, Works},
    UNUSED,
};

pub(super) const DOWNSTREAM: Fields = &[
    ("common_tls_context", Works),
    ("require_client_certificate", Works),
    ("require_sni", Works),
    ("disable_stateless_session_resumption", Works),
    (
        "session_ticket_keys",
        NoEffect("no effect: keys of tickets are made at random, and belong to one process"),
    ),
    (
        "session_ticket_keys_sds_secret_config",
        NoEffect("no effect: keys of tickets are made at random, and belong to one process"),
    ),
    ("disable_stateful_session_resumption", UNUSED),
    (
        "session_timeout",
        NoEffect("no effect: tickets are good for 12 hours at most"),
    ),
    ("ocsp_staple_policy", NotYet("OCSP staples are")),
    ("full_scan_certs_on_sni_mismatch", UNUSED),
    ("prefer_client_ciphers", UNUSED),
];

pub(super) const UPSTREAM: Fields = &[
    ("common_tls_context", Works),
    ("sni", Works),
    ("auto_host_sni", Works),
    ("auto_sni_san_validation", Works),
    ("max_session_keys", Works),
    ("allow_renegotiation", NotYet("renegotiation is")),
    ("enforce_rsa_key_usage", UNUSED),
];

pub(super) const COMMON: Fields = &[
    ("tls_params", Works),
    ("tls_certificates", Works),
    ("tls_certificate_sds_secret_configs", Works),
    ("validation_context", Works),
    ("validation_context_sds_secret_config", Works),
    ("combined_validation_context", Works),
    ("alpn_protocols", Works),
    ("tls_certificate_provider_instance", NotYet(PROVIDERS)),
    ("tls_certificate_certificate_provider", NotYet(PROVIDERS)),
    (
        "tls_certificate_certificate_provider_instance",
        NotYet(PROVIDERS),
    ),
    ("validation_context_certificate_provider", NotYet(PROVIDERS)),
    (
        "validation_context_certificate_provider_instance",
        NotYet(PROVIDERS),
    ),
    ("custom_handshaker", NotYet("handshakers of one's own are")),
    (
        "custom_tls_certificate_selector",
        NotYet("selectors of certificates are"),
    ),
    ("key_log", NotYet("logs of keys are")),
];

const PROVIDERS: &str = "certificate providers are";

pub(super) const COMBINED: Fields = &[
    ("default_validation_context", Works),
    ("validation_context_sds_secret_config", Works),
    ("validation_context_certificate_provider", NotYet(PROVIDERS)),
    (
        "validation_context_certificate_provider_instance",
        NotYet(PROVIDERS),
    ),
];

pub(super) const PARAMS: Fields = &[
    ("tls_minimum_protocol_version", Works),
    ("tls_maximum_protocol_version", Works),
    ("cipher_suites", Works),
    ("ecdh_curves", Works),
    (
        "signature_algorithms",
        NotYet("choices of signature algorithms are"),
    ),
    ("compliance_policies", NotYet("compliance policies are")),
];

pub(super) const CERTIFICATE: Fields = &[
    ("certificate_chain", Works),
    ("private_key", Works),
    // Every file is watched.
    ("watched_directory", Works),
    ("pkcs12", NotYet("PKCS#12 is")),
    (
        "private_key_provider",
        NotYet("providers of private keys are"),
    ),
    ("password", NotYet("encrypted private keys are")),
    ("ocsp_staple", NotYet("OCSP staples are")),
    ("signed_certificate_timestamp", UNUSED),
];

pub(super) const VALIDATION: Fields = &[
    ("trusted_ca", Works),
    ("crl", Works),
    ("only_verify_leaf_cert_crl", Works),
    ("verify_certificate_hash", Works),
    ("verify_certificate_spki", Works),
    ("match_typed_subject_alt_names", Works),
    ("match_subject_alt_names", Works),
    ("trust_chain_verification", Works),
    ("watched_directory", Works),
    ("ca_certificate_provider_instance", NotYet(PROVIDERS)),
    (
        "system_root_certs",
        NotYet("the system's own authorities are"),
    ),
    (
        "require_signed_certificate_timestamp",
        NotYet("timestamps of certificate transparency are"),
    ),
    (
        "allow_expired_certificate",
        NotYet("accepting expired certificates is"),
    ),
    (
        "custom_validator_config",
        NotYet("validators of one's own are"),
    ),
    ("max_verify_depth", NotYet("limits on chains are")),
    (
        "suppress_client_ca_list",
        NoEffect("no effect: clients are told which authorities are trusted"),
    ),
];

pub(super) const SECRET: Fields = &[
    ("name", Works),
    ("tls_certificate", Works),
    ("validation_context", Works),
    (
        "session_ticket_keys",
        NoEffect("no effect: keys of tickets are made at random, and belong to one process"),
    ),
    (
        "generic_secret",
        NoEffect("no effect: nothing here uses such secrets"),
    ),
];
