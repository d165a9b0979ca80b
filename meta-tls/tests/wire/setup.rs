//! Two ends, and a handshake between them.

use std::sync::Arc;

use meta_core::{Address, TlsInfo};
use meta_tls::{
    Accepted, CertificateSource, ClientTls, ClientTlsConfig, HandshakeError, Handshakes, ServerTls,
    ServerTlsConfig, TlsConfig, TlsContexts, TlsTransport, ValidationConfig,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::pki::Identity;

pub(crate) type End = TlsTransport<DuplexStream>;

/// Settings with this certificate, if any, and this validation, if any.
pub(crate) fn tls(identity: Option<&Identity>, validation: Option<ValidationConfig>) -> TlsConfig {
    let mut tls = TlsConfig::default();
    let certificates = identity.iter().map(|identity| identity.config());
    tls.certificates = certificates.map(CertificateSource::from).collect();
    tls.validation = validation.map(Into::into);
    tls
}

/// A server that shows this certificate, and requires one where it validates.
pub(crate) fn server(
    identity: &Identity,
    validation: Option<ValidationConfig>,
    change: impl FnOnce(&mut ServerTlsConfig),
) -> Arc<ServerTls> {
    let mut config = ServerTlsConfig::new(tls(Some(identity), validation));
    config.require_client_certificate = config.tls.validation.is_some();
    change(&mut config);
    TlsContexts::new().server(config).expect("a good server")
}

pub(crate) fn client(
    identity: Option<&Identity>,
    validation: Option<ValidationConfig>,
    change: impl FnOnce(&mut ClientTlsConfig),
) -> Arc<ClientTls> {
    let mut config = ClientTlsConfig::new(tls(identity, validation));
    change(&mut config);
    TlsContexts::new().client(config).expect("a good client")
}

/// What came of a handshake on both sides.
pub(crate) struct Met {
    pub(crate) server: Result<Accepted<DuplexStream>, HandshakeError>,
    pub(crate) client: Result<(End, TlsInfo), HandshakeError>,
}

/// Lets the two shake hands.
pub(crate) async fn meet(
    handshakes: &Arc<Handshakes>,
    server: &ServerTls,
    client: &ClientTls,
) -> Met {
    let (ours, theirs) = duplex(64 << 10);
    let (server, client) = tokio::join!(
        handshakes.accept(theirs, server),
        client.handshake(ours, &Address::Memory),
    );
    Met { server, client }
}

impl Met {
    /// Both ends, where both agree.
    pub(crate) fn agreed(self) -> (Accepted<DuplexStream>, End, TlsInfo) {
        let accepted = self.server.expect("the server agrees");
        let (end, info) = self.client.expect("the client agrees");
        (accepted, end, info)
    }
}

/// Sends bytes both ways.
pub(crate) async fn talk(server: &mut End, client: &mut End) {
    for (from, to) in [(1, 2), (3, 4)] {
        client.write_all(&[from; 40_000]).await.expect("written");
        client.flush().await.expect("flushed");
        let mut read = vec![0; 40_000];
        server.read_exact(&mut read).await.expect("read");
        assert!(read.iter().all(|byte| *byte == from));
        server.write_all(&[to]).await.expect("written");
        server.flush().await.expect("flushed");
        assert_eq!(client.read_u8().await.expect("read"), to);
    }
}
