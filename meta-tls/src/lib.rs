#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod ahead;
mod certificate;
mod client;
mod config;
mod contexts;
mod digest;
mod error;
mod handshake;
mod kept;
mod material;
mod provider;
mod server;
mod stats;
mod stream;
mod verify;

// The public interface is:
pub use crate::{
    certificate::CertificateInfo,
    client::ClientTls,
    config::{
        CertificateConfig, CertificateSource, CipherSuite, ClientTlsConfig, DataSource,
        KeyExchange, Pin, SanKind, SanMatcher, Secret, SecretRef, SecretSource, ServerTlsConfig,
        TlsConfig, TlsVersion, UnknownName, ValidationConfig, ValidationSource,
    },
    contexts::TlsContexts,
    error::{CertificateProblem, HandshakeError, TlsConfigError},
    handshake::{Accepted, ClientHello, HandshakeLimits, Handshakes},
    server::ServerTls,
    stats::{SecretStats, TlsStats},
    stream::TlsTransport,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_can_be_shared_between_threads() {
        fn assert<T: Send + Sync>() {}
        assert::<TlsContexts>();
        assert::<ServerTls>();
        assert::<ClientTls>();
        assert::<Handshakes>();
        assert::<ServerTlsConfig>();
        assert::<ClientTlsConfig>();
        assert::<TlsTransport<tokio::io::DuplexStream>>();
        assert::<HandshakeError>();
        assert::<TlsConfigError>();
    }
}
