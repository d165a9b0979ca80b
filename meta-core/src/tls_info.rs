//! What TLS says of a connection and of who is at its other end.

use std::sync::Arc;

/// What was agreed on in the handshake of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The protocol's version, as Envoy writes it: `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, as Envoy writes it: `TLS_AES_128_GCM_SHA256`,
    /// `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: &'static str,
    /// The application's protocol, where one was agreed on.
    pub alpn: Option<Arc<str>>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// The peer's certificate, where it presented one.
    pub peer: Option<PeerCertificate>,
}

impl TlsInfo {
    /// The certificate by which the peer has proved who it is: `None` where it
    /// presented none, or one that nobody checked.
    pub fn verified_peer(&self) -> Option<&PeerCertificate> {
        self.peer.as_ref().filter(|peer| peer.is_verified)
    }
}

/// A certificate that a peer presented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCertificate {
    /// Whether it passed verification: it leads to a trusted authority or is pinned,
    /// and fulfils whatever else was asked of it.
    pub is_verified: bool,
    /// Whom it names, in the form of RFC 2253.
    pub subject: Arc<str>,
    /// Who issued it, in the same form.
    pub issuer: Arc<str>,
    /// Its number, in lower-case hexadecimal digits.
    pub serial: Arc<str>,
    /// Its URIs, such as SPIFFE identities.
    pub uri_sans: Vec<Arc<str>>,
    /// Its DNS names.
    pub dns_sans: Vec<Arc<str>>,
    /// The SHA-256 digest of the whole, in lower-case hexadecimal digits.
    pub sha256: Arc<str>,
}
