//! TLS of the server of routes, as the command line has it.

use std::{path::PathBuf, sync::Arc};

use meta_tls::{
    CertificateConfig, DataSource, ServerTls, ServerTlsConfig, TlsConfig, TlsConfigError,
    TlsContexts, ValidationConfig,
};

/// What gRPC over TLS is asked for by.
const H2: &str = "h2";

#[derive(clap::Args)]
#[command(next_help_heading = "TLS; files are read again when they change")]
pub(super) struct TlsArguments {
    /// The certificate to present, and those that lead to its authority, in PEM.
    /// Without it, plain text.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Refuse proxies that have no certificate of one of these authorities, in PEM
    /// (mutual TLS).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
}

impl TlsArguments {
    /// `None`: plain text. Reads the files.
    pub(super) fn context(
        &self,
        contexts: &TlsContexts,
    ) -> Result<Option<Arc<ServerTls>>, TlsConfigError> {
        let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let mut tls = TlsConfig::default();
        let certificate = CertificateConfig {
            chain: DataSource::File(chain.clone()),
            key: DataSource::File(key.clone()),
        };
        tls.certificates.push(certificate.into());
        tls.alpn = vec![H2.to_owned()];
        if let Some(ca) = &self.client_ca {
            let mut validation = ValidationConfig::default();
            validation.trusted_ca = Some(DataSource::File(ca.clone()));
            tls.validation = Some(validation.into());
        }
        let mut config = ServerTlsConfig::new(tls);
        config.require_client_certificate = self.client_ca.is_some();
        contexts.server(config).map(Some)
    }
}
