//! What TLS contexts are made from, in plain types.

use std::time::Duration;

mod secret;
mod settings;
mod source;
mod validation;

pub use self::{
    secret::{CertificateSource, Secret, SecretRef, SecretSource, ValidationSource},
    settings::{CipherSuite, KeyExchange, TlsVersion, UnknownName},
    source::DataSource,
    validation::{Pin, SanKind, SanMatcher, ValidationConfig},
};

/// What both sides are told.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Our certificates, in order of preference; which one a client sees is chosen by
    /// the name it asks for. Default: none.
    pub certificates: Vec<CertificateSource>,
    /// How the peer's certificate is verified. Default: not at all.
    pub validation: Option<ValidationSource>,
    /// The oldest version spoken. Default: TLS 1.2.
    pub min_version: Option<TlsVersion>,
    /// The newest version spoken. Default: TLS 1.3.
    pub max_version: Option<TlsVersion>,
    /// The suites of TLS 1.2; those of TLS 1.3 are always on. Default: all there are.
    pub cipher_suites: Vec<CipherSuite>,
    /// The key exchanges, in order of preference. Default: all there are.
    pub key_exchanges: Vec<KeyExchange>,
    /// The application's protocols, in order of preference. Default: none.
    pub alpn: Vec<String>,
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateConfig {
    /// The certificate, then those that lead from it to an authority, as PEM.
    pub chain: DataSource,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, as PEM, not encrypted.
    pub key: DataSource,
}

/// How a listener speaks TLS.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServerTlsConfig {
    /// What both sides are told; at least one certificate.
    pub tls: TlsConfig,
    /// Whether clients without a certificate are refused. Default: `false`; one that
    /// is presented is verified in any case.
    pub require_client_certificate: bool,
    /// Whether clients that ask for no name (SNI) are refused. Default: `false`.
    pub require_server_name: bool,
    /// Whether clients may resume sessions. Default: `true`.
    pub resumption: bool,
    /// How long a handshake may take, from the connection's first moment. Default:
    /// 15 s.
    pub handshake_timeout: Duration,
}

impl ServerTlsConfig {
    /// Server settings with defaults.
    pub fn new(tls: TlsConfig) -> Self {
        Self {
            tls,
            require_client_certificate: false,
            require_server_name: false,
            resumption: true,
            handshake_timeout: Duration::from_secs(15),
        }
    }
}

/// How the connections of a cluster speak TLS.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientTlsConfig {
    /// What both sides are told; at most one certificate.
    pub tls: TlsConfig,
    /// The name that servers are asked for. Default: none.
    pub sni: Option<String>,
    /// Whether the server's certificate has to be for that name, as a browser asks;
    /// then the SAN matchers are not looked at. Default: `false`, as with Envoy: a
    /// certificate for whatever name will do, unless SAN matchers say more.
    pub verify_sni: bool,
    /// Servers whose sessions are kept to be resumed. Default: 256; 0 for none.
    pub max_sessions: usize,
}

impl ClientTlsConfig {
    /// Client settings with defaults.
    pub fn new(tls: TlsConfig) -> Self {
        Self {
            tls,
            sni: None,
            verify_sni: false,
            max_sessions: 256,
        }
    }
}
