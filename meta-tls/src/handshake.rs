//! Handshakes with clients: bounded in time and number, in two steps.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use meta_codec::Transport;
use meta_core::{TlsInfo, stats::Cell};
use rustls::{
    CommonState, HandshakeKind,
    pki_types::{CertificateDer, UnixTime},
    server::Acceptor,
};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::{
    ahead::ReadAhead, certificate, error::HandshakeError, provider, server::ServerTls,
    stats::TlsStats, stream::TlsTransport, verify::Verifier,
};

/// Bounds on the handshakes of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeLimits {
    /// Handshakes under way; what comes beyond is closed and counted. Default: 1024.
    pub max_under_way: usize,
    /// How long a client may take for its first message. Default: 15 s.
    pub hello_timeout: Duration,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            max_under_way: 1024,
            hello_timeout: Duration::from_secs(15),
        }
    }
}

/// The handshakes of one listener, over all workers: their bounds, and what they come
/// to. A handshake has two steps, between which the listener chooses whose
/// [`ServerTls`] goes for the client.
#[derive(Debug, Default)]
pub struct Handshakes {
    limits: HandshakeLimits,
    under_way: AtomicUsize,
    stats: Arc<TlsStats>,
}

impl Handshakes {
    /// None yet.
    pub fn new(limits: HandshakeLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            ..Self::default()
        })
    }

    /// The first step: reads what the client says of itself. The client's bytes may
    /// have been looked at before; `transport` must give all of them.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// Where the client does not speak TLS, is too slow, or one too many.
    pub async fn hello<T: Transport>(
        self: &Arc<Self>,
        transport: T,
    ) -> Result<ClientHello<T>, HandshakeError> {
        let hello = self.read_hello(transport, self.limits.hello_timeout).await;
        hello.inspect_err(|error| self.stats.failed(error))
    }

    /// Both steps, where there is nothing to choose, within the time that `tls` has
    /// for them.
    ///
    /// # Errors
    ///
    /// As those of [`Handshakes::hello`] and [`ClientHello::accept`].
    pub async fn accept<T: Transport>(
        self: &Arc<Self>,
        transport: T,
        tls: &ServerTls,
    ) -> Result<Accepted<T>, HandshakeError> {
        let hello = self.read_hello(transport, tls.config().handshake_timeout);
        let hello = hello.await.inspect_err(|error| self.stats.failed(error))?;
        hello.accept(tls).await
    }

    async fn read_hello<T: Transport>(
        self: &Arc<Self>,
        transport: T,
        timeout: Duration,
    ) -> Result<ClientHello<T>, HandshakeError> {
        let place = Place::take(self)?;
        let began = Instant::now();
        let reading = LazyConfigAcceptor::new(Acceptor::default(), ReadAhead::new(transport));
        match timeout_at(began + timeout, reading).await {
            Ok(Ok(start)) => Ok(ClientHello {
                start,
                began,
                place,
            }),
            Ok(Err(error)) => Err(HandshakeError::from_io(error)),
            Err(_) => Err(HandshakeError::TimedOut(timeout)),
        }
    }

    /// What the handshakes came to.
    pub fn stats(&self) -> &TlsStats {
        &self.stats
    }

    /// Handshakes under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Relaxed)
    }

    /// Shows `visit` what the handshakes came to, under Envoy's names from behind the
    /// listener's: `ssl.handshake`.
    pub fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        self.stats.visit(visit);
        let timeouts = Cell::Counter(&self.stats.handshake_timeout);
        visit("downstream_cx_transport_socket_connect_timeout", timeouts);
    }
}

/// One of the handshakes that may be under way.
struct Place(Arc<Handshakes>);

impl Place {
    fn take(handshakes: &Arc<Handshakes>) -> Result<Self, HandshakeError> {
        let max = handshakes.limits.max_under_way;
        let place = Self(handshakes.clone());
        match handshakes.under_way.fetch_add(1, Relaxed) < max {
            true => Ok(place),
            false => Err(HandshakeError::TooMany(max)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// A client that has said hello, and waits for our answer.
pub struct ClientHello<T: Transport> {
    start: StartHandshake<ReadAhead<T>>,
    began: Instant,
    place: Place,
}

impl<T: Transport> ClientHello<T> {
    /// The server's name that the client asks for, in lower case.
    pub fn server_name(&self) -> Option<Arc<str>> {
        let hello = self.start.client_hello();
        let name = hello.server_name()?;
        Some(name.to_ascii_lowercase().into())
    }

    /// The application protocols that the client offers, in its order; those that are
    /// text.
    pub fn alpn(&self) -> Vec<String> {
        let hello = self.start.client_hello();
        let offered = hello.alpn().into_iter().flatten();
        let texts = offered.filter_map(|name| std::str::from_utf8(name).ok());
        texts.map(str::to_owned).collect()
    }

    /// The second step: the rest of the handshake, as `tls` has it.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// Where the client's certificate will not do or is missing, where we have
    /// nothing in common, or the client is too slow, counted from the first step.
    pub async fn accept(self, tls: &ServerTls) -> Result<Accepted<T>, HandshakeError> {
        let stats = self.place.0.stats.clone();
        match self.finish(tls, stats.clone()).await {
            Ok(accepted) => {
                stats.succeeded(&accepted.info);
                Ok(accepted)
            }
            Err(error) => {
                stats.failed(&error);
                Err(error)
            }
        }
    }

    async fn finish(
        self,
        tls: &ServerTls,
        stats: Arc<TlsStats>,
    ) -> Result<Accepted<T>, HandshakeError> {
        let server_name = self.server_name();
        if server_name.is_none() && tls.config().require_server_name {
            return Err(HandshakeError::NoServerName);
        }
        let Self {
            start,
            began,
            place: _place,
        } = self;
        let context = tls.current();
        let config = context.for_client(start.client_hello().alpn().into_iter().flatten());
        let timeout = tls.config().handshake_timeout;
        let shaking = start.into_stream(config);
        let stream = match timeout_at(began + timeout, shaking).await {
            Ok(shaken) => shaken.map_err(HandshakeError::from_io)?,
            Err(_) => return Err(HandshakeError::TimedOut(timeout)),
        };
        let session = stream.get_ref().1;
        let info = describe(session, context.verifier.as_deref());
        Ok(Accepted {
            info: Arc::new(info),
            server_name,
            transport: TlsTransport::new(stream, stats),
        })
    }
}

impl<T: Transport> fmt::Debug for ClientHello<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHello")
            .field("server_name", &self.server_name())
            .field("alpn", &self.alpn())
            .finish_non_exhaustive()
    }
}

/// A connection whose handshake is over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted<T: Transport> {
    /// The connection.
    pub transport: TlsTransport<T>,
    /// What was agreed on, and with whom: for
    /// [`ConnectionInfo::tls`](meta_core::ConnectionInfo::tls).
    pub info: Arc<TlsInfo>,
    /// The server's name that the client asked for: for
    /// [`ConnectionInfo::server_name`](meta_core::ConnectionInfo::server_name).
    pub server_name: Option<Arc<str>>,
}

/// What was agreed on, and with whom.
pub(crate) fn describe(session: &CommonState, verifier: Option<&Verifier>) -> TlsInfo {
    let mut info = TlsInfo::default();
    info.version = provider::version_name(session.protocol_version());
    if let Some(suite) = session.negotiated_cipher_suite() {
        info.cipher = provider::suite_name(suite.suite());
    }
    let alpn = session.alpn_protocol();
    info.alpn = alpn.map(|name| String::from_utf8_lossy(name).into());
    info.is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    if let Some((leaf, rest)) = session.peer_certificates().and_then(<[_]>::split_first) {
        let is_verified = verifier.is_some_and(|verifier| is_verified(verifier, leaf, rest));
        info.peer = Some(certificate::describe(leaf, is_verified));
    }
    info
}

/// Whether a certificate that was let pass proves anything.
fn is_verified(
    verifier: &Verifier,
    leaf: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
) -> bool {
    match verifier.accept_untrusted {
        true => verifier
            .verify(leaf, rest, None, UnixTime::now())
            .unwrap_or(false),
        false => verifier.proves_identity(),
    }
}
