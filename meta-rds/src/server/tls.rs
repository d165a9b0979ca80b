//! Connections under TLS.

use std::{io, sync::Arc};

use meta_core::Address;
use meta_tls::{HandshakeError, HandshakeLimits, Handshakes, ServerTls, TlsTransport};
use tokio::{select, task::JoinSet};

use super::Accept;

/// Speaks TLS on the connections of a listener, and mutual TLS where `tls` wants
/// certificates of clients.
///
/// Handshakes go on beside each other: who takes long over one holds nobody up. They
/// end at the [handshake timeout](meta_tls::ServerTlsConfig::handshake_timeout); a
/// connection beyond the [limit](HandshakeLimits::max_under_way) is closed. What fails
/// is logged.
///
/// Clients of gRPC ask for the protocol `h2`, and many insist on it:
/// [`alpn`](meta_tls::TlsConfig::alpn) should have it. Files are read again when
/// [`TlsContexts::watch`](meta_tls::TlsContexts::watch) sees that they have changed;
/// then new connections go by what is new.
///
/// ```no_run
/// use meta_rds::server::{RdsServer, SnapshotCache, TlsListener};
/// use meta_tls::{CertificateConfig, DataSource, ServerTlsConfig, TlsConfig, TlsContexts};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let mut tls = TlsConfig::default();
/// tls.alpn = vec!["h2".to_owned()];
/// let certificate = CertificateConfig {
///     chain: DataSource::File("/etc/tls/cert.pem".into()),
///     key: DataSource::File("/etc/tls/key.pem".into()),
/// };
/// tls.certificates.push(certificate.into());
/// let tls = TlsContexts::new().server(ServerTlsConfig::new(tls))?;
/// let socket = tokio::net::TcpListener::bind("0.0.0.0:18000").await?;
/// let server = RdsServer::new(SnapshotCache::new());
/// server.serve(TlsListener::new(socket, tls), std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TlsListener<A: Accept> {
    listener: A,
    tls: Arc<ServerTls>,
    handshakes: Arc<Handshakes>,
    under_way: JoinSet<Shaken<A>>,
}

/// How a handshake ended, and whose it was.
type Shaken<A> = (
    Result<TlsTransport<<A as Accept>::Transport>, HandshakeError>,
    Address,
);

impl<A: Accept> TlsListener<A> {
    /// TLS on what `listener` accepts, with the default bounds on handshakes.
    pub fn new(listener: A, tls: Arc<ServerTls>) -> Self {
        Self::with_limits(listener, tls, HandshakeLimits::default())
    }

    /// The same with bounds of one's own; of the times that of `tls` counts.
    pub fn with_limits(listener: A, tls: Arc<ServerTls>, limits: HandshakeLimits) -> Self {
        Self {
            listener,
            tls,
            handshakes: Handshakes::new(limits),
            under_way: JoinSet::new(),
        }
    }

    /// What the handshakes come to.
    pub fn handshakes(&self) -> &Arc<Handshakes> {
        &self.handshakes
    }

    fn begin(&mut self, transport: A::Transport, remote: Address) {
        let (handshakes, tls) = (self.handshakes.clone(), self.tls.clone());
        self.under_way.spawn(async move {
            let accepted = handshakes.accept(transport, &tls).await;
            (accepted.map(|accepted| accepted.transport), remote)
        });
    }
}

impl<A: Accept> Accept for TlsListener<A> {
    type Transport = TlsTransport<A::Transport>;

    async fn accept(&mut self) -> io::Result<(Self::Transport, Address)> {
        loop {
            select! {
                // What is over makes place first.
                biased;
                Some(shaken) = self.under_way.join_next() => match shaken {
                    Ok((Ok(transport), remote)) => return Ok((transport, remote)),
                    Ok((Err(error), remote)) => tell(&error, &remote),
                    Err(error) => tracing::error!(%error, "a handshake broke off"),
                },
                accepted = self.listener.accept() => {
                    let (transport, remote) = accepted?;
                    self.begin(transport, remote);
                }
            }
        }
    }
}

fn tell(error: &HandshakeError, remote: &Address) {
    match error {
        // Whoever looks whether the port is open.
        HandshakeError::Closed | HandshakeError::Io(_) => {
            tracing::debug!(%remote, %error, "a client went away");
        }
        error => tracing::warn!(%remote, %error, "a client is refused"),
    }
}
