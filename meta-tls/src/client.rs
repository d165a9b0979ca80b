//! The client's side: how the connections of a cluster are secured.

use std::{fmt, io, net::IpAddr, sync::Arc, time::SystemTime};

use meta_codec::{Transport, TransportSocket};
use meta_core::{Address, BoxFuture, TlsInfo, stats::Cell};
use rustls::{
    ClientConfig,
    client::{Resumption, danger::ServerCertVerifier},
    pki_types::ServerName,
};
use tokio_rustls::TlsConnector;

use crate::{
    ahead::ReadAhead,
    certificate::CertificateInfo,
    config::ClientTlsConfig,
    contexts::Watched,
    error::{HandshakeError, TlsConfigError},
    handshake::describe,
    kept::Kept,
    material::{OwnCertificate, Reader},
    provider,
    server::visit_expiry,
    stats::TlsStats,
    stream::TlsTransport,
    verify::{PeerRole, Verifier},
};

/// How the connections of a cluster speak TLS; made by
/// [`TlsContexts::client`](crate::TlsContexts::client).
///
/// Whether a server is verified, and against what, is up to
/// [`ValidationConfig`](crate::ValidationConfig); without a trusted CA and pins it is
/// not at all, as with Envoy: see [`ClientTls::verifies`].
pub struct ClientTls {
    config: ClientTlsConfig,
    name: Option<ServerName<'static>>,
    kept: Kept<ClientContext>,
    stats: Arc<TlsStats>,
}

/// What the secrets of one moment make.
struct ClientContext {
    rustls: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    certificates: Vec<OwnCertificate>,
}

impl ClientTls {
    pub(crate) fn new(config: ClientTlsConfig) -> Result<Self, TlsConfigError> {
        let invalid = |name: &str| {
            TlsConfigError::Settings(format!(
                "{name:?} cannot be asked for by SNI: it is no host name"
            ))
        };
        let name = match config.sni.as_deref() {
            None | Some("") => None,
            Some(sni) => {
                let name = ServerName::try_from(sni.to_owned()).map_err(|_| invalid(sni))?;
                Some(name)
            }
        };
        if config.verify_sni && name.is_none() {
            let text = "the server's name cannot be verified without one: SNI is not set";
            return Err(TlsConfigError::Settings(text.to_owned()));
        }
        let kept = Kept::new(|reader| ClientContext::new(&config, reader))?;
        Ok(Self {
            config,
            name,
            kept,
            stats: Arc::default(),
        })
    }

    /// What it was made from.
    pub fn config(&self) -> &ClientTlsConfig {
        &self.config
    }

    /// Whether servers have to prove who they are. Where they have not, anyone between
    /// us and them can read and change everything.
    pub fn verifies(&self) -> bool {
        self.kept.current().verifier.proves_identity()
    }

    /// What the handshakes came to.
    pub fn stats(&self) -> &TlsStats {
        &self.stats
    }

    /// Shakes hands with the server at the other end of `transport`, which is at
    /// `endpoint`. Takes as long as the server does: bound it. Dropping the future
    /// closes the connection.
    ///
    /// # Errors
    ///
    /// Where the server does not speak TLS, its certificate will not do, or it
    /// refuses ours. One that speaks TLS 1.3 refuses a client's certificate, or the
    /// lack of one, only when the handshake is over for the client: then the first
    /// read fails.
    pub async fn handshake<T: Transport>(
        &self,
        transport: T,
        endpoint: &Address,
    ) -> Result<(TlsTransport<T>, TlsInfo), HandshakeError> {
        let shaken = self.shake_hands(transport, endpoint).await;
        match &shaken {
            Ok((_, info)) => self.stats.succeeded(info),
            Err(error) => self.stats.failed(error),
        }
        shaken
    }

    async fn shake_hands<T: Transport>(
        &self,
        transport: T,
        endpoint: &Address,
    ) -> Result<(TlsTransport<T>, TlsInfo), HandshakeError> {
        let context = self.kept.current();
        let name = match &self.name {
            Some(name) => name.clone(),
            None => nameless(endpoint),
        };
        let connector = TlsConnector::from(context.rustls.clone());
        let stream = connector.connect(name, ReadAhead::new(transport)).await;
        let stream = stream.map_err(HandshakeError::from_io)?;
        let info = describe(stream.get_ref().1, Some(&context.verifier));
        Ok((TlsTransport::new(stream, self.stats.clone()), info))
    }
}

/// What sessions are kept under where no name is asked for: the address.
fn nameless(endpoint: &Address) -> ServerName<'static> {
    let unspecified = IpAddr::from([0, 0, 0, 0]);
    let ip = endpoint
        .socket_addr()
        .map_or(unspecified, |address| address.ip());
    ServerName::IpAddress(ip.into())
}

impl TransportSocket for ClientTls {
    fn connect<'a>(
        &'a self,
        transport: Box<dyn Transport>,
        endpoint: &'a Address,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            match self.handshake(transport, endpoint).await {
                Ok((stream, _)) => Ok(Box::new(stream) as Box<dyn Transport>),
                Err(HandshakeError::Io(error)) => Err(error),
                Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        })
    }

    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        self.stats.visit(visit);
        self.kept.stats.visit("client_ssl_socket_factory", visit);
        visit_expiry(&self.kept.current().certificates, visit);
    }
}

impl Watched for ClientTls {
    fn look(&self) {
        self.kept
            .look("client", |reader| ClientContext::new(&self.config, reader));
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
impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientTls").field(&self.config).finish()
    }
}

impl ClientContext {
    fn new(config: &ClientTlsConfig, reader: &mut Reader) -> Result<Self, TlsConfigError> {
        let unusable = |error: rustls::Error| TlsConfigError::Settings(error.to_string());
        let provider = provider::of(&config.tls);
        let certificates = reader.certificates(&config.tls, &provider)?;
        let verifier =
            reader.verifier(config.tls.validation.as_ref(), PeerRole::Server, &provider)?;
        let verifier = Arc::new(Verifier {
            verify_name: config.verify_sni,
            ..verifier
        });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&provider::versions(&config.tls)?)
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone() as Arc<dyn ServerCertVerifier>);
        let mut rustls = match &certificates[..] {
            [] => builder.with_no_client_auth(),
            [own] => builder.with_client_cert_resolver(Arc::new(
                rustls::sign::SingleCertAndKey::from(own.key.clone()),
            )),
            _ => {
                let text = "a client presents one certificate; there are several";
                return Err(TlsConfigError::Settings(text.to_owned()));
            }
        };
        rustls.enable_sni = config.sni.is_some();
        rustls.alpn_protocols = config
            .tls
            .alpn
            .iter()
            .map(|p| p.clone().into_bytes())
            .collect();
        // Sessions of its own: none of other secrets is resumed.
        rustls.resumption = match config.max_sessions {
            0 => Resumption::disabled(),
            max => Resumption::in_memory_sessions(max),
        };
        Ok(Self {
            rustls: Arc::new(rustls),
            verifier,
            certificates,
        })
    }
}
