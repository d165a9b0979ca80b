//! The server's side: what a listener presents and asks for.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use meta_core::stats::{Cell, Gauge};
use rustls::{ServerConfig, crypto::ring::Ticketer, server::NoServerSessionStorage};

use crate::{
    certificate::CertificateInfo,
    config::ServerTlsConfig,
    contexts::Watched,
    error::TlsConfigError,
    kept::Kept,
    material::{OwnCertificate, Reader},
    provider,
    server::chooser::CertificateChooser,
    verify::{PeerRole, Verifier},
};

mod chooser;

/// How a listener, or one of its filter chains, speaks TLS; made by
/// [`TlsContexts::server`](crate::TlsContexts::server).
pub struct ServerTls {
    config: ServerTlsConfig,
    kept: Kept<ServerContext>,
}

/// What the secrets of one moment make.
pub(crate) struct ServerContext {
    pub(crate) rustls: Arc<ServerConfig>,
    /// For clients that offer protocols none of which is ours: they get none, where
    /// rustls by itself would refuse them.
    pub(crate) without_alpn: Arc<ServerConfig>,
    /// `None` where clients are not asked for a certificate.
    pub(crate) verifier: Option<Arc<Verifier>>,
    certificates: Vec<OwnCertificate>,
}

impl ServerTls {
    pub(crate) fn new(config: ServerTlsConfig) -> Result<Self, TlsConfigError> {
        let kept = Kept::new(|reader| ServerContext::new(&config, reader))?;
        Ok(Self { config, kept })
    }

    /// What it was made from.
    pub fn config(&self) -> &ServerTlsConfig {
        &self.config
    }

    /// Shows `visit` what becomes of its secrets, and when certificates expire, under
    /// Envoy's names from behind the listener's.
    pub fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        self.kept.stats.visit("server_ssl_socket_factory", visit);
        visit_expiry(&self.kept.current().certificates, visit);
    }

    pub(crate) fn current(&self) -> Arc<ServerContext> {
        self.kept.current()
    }
}

/// Shows when each certificate expires.
pub(crate) fn visit_expiry(certificates: &[OwnCertificate], visit: &mut dyn FnMut(&str, Cell<'_>)) {
    for certificate in certificates {
        let seconds = certificate
            .expires
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        if let Some(seconds) = seconds {
            let gauge = Gauge::default();
            gauge.set(i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX));
            let name = format!(
                "ssl.certificate.{}.expiration_unix_time_seconds",
                certificate.name
            );
            visit(&name, Cell::Gauge(&gauge));
        }
    }
}

impl Watched for ServerTls {
    fn look(&self) {
        self.kept
            .look("server", |reader| ServerContext::new(&self.config, reader));
    }

    fn first_expiry(&self) -> Option<SystemTime> {
        let context = self.kept.current();
        context
            .certificates
            .iter()
            .filter_map(|own| own.expires)
            .min()
    }

    fn certificates(&self) -> Vec<Vec<CertificateInfo>> {
        let context = self.kept.current();
        let certificates = context.certificates.iter();
        certificates.map(|own| own.describe()).collect()
    }
}

/// Its settings, secrets by their digests.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerTls").field(&self.config).finish()
    }
}

impl ServerContext {
    fn new(config: &ServerTlsConfig, reader: &mut Reader) -> Result<Self, TlsConfigError> {
        let unusable = |error: rustls::Error| TlsConfigError::Settings(error.to_string());
        let provider = provider::of(&config.tls);
        let certificates = reader.certificates(&config.tls, &provider)?;
        let Some(chooser) = CertificateChooser::new(&certificates) else {
            let text = "a server needs a certificate";
            return Err(TlsConfigError::Settings(text.to_owned()));
        };
        let verifier =
            reader.verifier(config.tls.validation.as_ref(), PeerRole::Client, &provider)?;
        let is_asked = config.require_client_certificate || verifier.asks_for_something();
        let verifier = is_asked.then(|| {
            Arc::new(Verifier {
                is_required: config.require_client_certificate,
                ..verifier
            })
        });
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&provider::versions(&config.tls)?)
            .map_err(unusable)?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut rustls = builder.with_cert_resolver(Arc::new(chooser));
        if config.resumption {
            // Keys of its own: a session of other secrets, or of another filter
            // chain, is never resumed.
            rustls.ticketer = Ticketer::new().map_err(unusable)?;
        } else {
            rustls.send_tls13_tickets = 0;
            rustls.session_storage = Arc::new(NoServerSessionStorage {});
        }
        let without_alpn = Arc::new(rustls.clone());
        rustls.alpn_protocols = config
            .tls
            .alpn
            .iter()
            .map(|p| p.clone().into_bytes())
            .collect();
        Ok(Self {
            rustls: Arc::new(rustls),
            without_alpn,
            verifier,
            certificates,
        })
    }

    /// What goes for a client that offers these protocols.
    pub(crate) fn for_client<'a>(
        &self,
        mut offered: impl Iterator<Item = &'a [u8]>,
    ) -> Arc<ServerConfig> {
        let ours = &self.rustls.alpn_protocols;
        match ours.is_empty() || offered.any(|one| ours.iter().any(|our| our == one)) {
            true => self.rustls.clone(),
            false => self.without_alpn.clone(),
        }
    }
}
