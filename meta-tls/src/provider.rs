//! The cryptography: ring, and of it what is asked for.

use std::sync::Arc;

use rustls::{
    NamedGroup, ProtocolVersion, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    version::{TLS12, TLS13},
};

use crate::{
    config::{CipherSuite, KeyExchange, TlsConfig, TlsVersion},
    error::TlsConfigError,
};

/// Never the provider that the process has by default, which belongs to the program
/// that embeds this.
pub(crate) fn of(config: &TlsConfig) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if !config.cipher_suites.is_empty() {
        let wanted: Vec<_> = config.cipher_suites.iter().map(|s| suite(*s)).collect();
        provider.cipher_suites.retain(|suite| {
            suite.version().version == ProtocolVersion::TLSv1_3 || wanted.contains(&suite.suite())
        });
        provider
            .cipher_suites
            .sort_by_key(|suite| wanted.iter().position(|wanted| *wanted == suite.suite()));
    }
    if !config.key_exchanges.is_empty() {
        let groups = config.key_exchanges.iter().filter_map(|exchange| {
            let name = match exchange {
                KeyExchange::X25519 => NamedGroup::X25519,
                KeyExchange::P256 => NamedGroup::secp256r1,
                KeyExchange::P384 => NamedGroup::secp384r1,
            };
            let mut all = ring::ALL_KX_GROUPS.iter().copied();
            all.find(|group| group.name() == name)
        });
        provider.kx_groups = groups.collect();
    }
    Arc::new(provider)
}

/// The versions spoken.
pub(crate) fn versions(
    config: &TlsConfig,
) -> Result<Vec<&'static SupportedProtocolVersion>, TlsConfigError> {
    let min = config.min_version.unwrap_or(TlsVersion::Tls12);
    let max = config.max_version.unwrap_or(TlsVersion::Tls13);
    let all = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let spoken = all
        .into_iter()
        .filter(|(version, _)| (min..=max).contains(version));
    let spoken: Vec<_> = spoken.map(|(_, supported)| supported).collect();
    match spoken.is_empty() {
        true => Err(TlsConfigError::Settings(
            "the oldest version of TLS is newer than the newest".to_owned(),
        )),
        false => Ok(spoken),
    }
}

fn suite(suite: CipherSuite) -> rustls::CipherSuite {
    use rustls::CipherSuite as Theirs;
    match suite {
        CipherSuite::EcdheEcdsaAes128GcmSha256 => Theirs::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdheEcdsaAes256GcmSha384 => Theirs::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdheEcdsaChacha20Poly1305 => {
            Theirs::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        }
        CipherSuite::EcdheRsaAes128GcmSha256 => Theirs::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdheRsaAes256GcmSha384 => Theirs::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdheRsaChacha20Poly1305 => {
            Theirs::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        }
    }
}

/// The version, as Envoy writes it.
pub(crate) fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    }
}

/// The suite, as Envoy writes it.
pub(crate) fn suite_name(suite: rustls::CipherSuite) -> &'static str {
    use rustls::CipherSuite as Theirs;
    match suite {
        Theirs::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        Theirs::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        Theirs::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        Theirs::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        Theirs::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        Theirs::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => other.as_str().unwrap_or_default(),
    }
}
