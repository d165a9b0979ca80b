//! Verification of the peer's certificate, for both sides.

use std::fmt;

use meta_core::Rule;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder,
};

use crate::{
    certificate::{alt_names, spki_digest},
    config::{Pin, SanKind, SanMatcher},
    digest,
    error::Mismatch,
};

mod webpki_error;

/// Whose certificates they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerRole {
    Client,
    Server,
}

/// What a certificate has to lead to.
pub(crate) struct Trust {
    pub(crate) anchors: Vec<TrustAnchor<'static>>,
    pub(crate) crls: Vec<CertRevocationList<'static>>,
    pub(crate) crl_leaf_only: bool,
}

/// Verifies certificates of peers in one role.
pub(crate) struct Verifier {
    pub(crate) role: PeerRole,
    /// `None`: to nothing.
    pub(crate) trust: Option<Trust>,
    /// The names of the authorities, as they are told to clients.
    pub(crate) hints: Vec<DistinguishedName>,
    pub(crate) subject_alt_names: Vec<SanMatcher>,
    pub(crate) certificate_pins: Vec<Pin>,
    pub(crate) spki_pins: Vec<Pin>,
    /// Whether the name that was asked for is what counts, and not the matchers.
    pub(crate) verify_name: bool,
    pub(crate) accept_untrusted: bool,
    /// Whether a client has to present a certificate.
    pub(crate) is_required: bool,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Verifies a certificate; whether it proves anything.
    pub(crate) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<bool, CertificateError> {
        let leaf = EndEntityCert::try_from(certificate).map_err(webpki_error::translate)?;
        if let Some(trust) = &self.trust {
            self.verify_chain(trust, &leaf, intermediates, now)?;
        }
        if self.verify_name {
            let name = name.ok_or(CertificateError::NotValidForName)?;
            leaf.verify_is_valid_for_subject_name(name)
                .map_err(webpki_error::translate)?;
        } else if !self.has_accepted_name(certificate) {
            return Err(Mismatch::San.into_certificate_error());
        }
        let is_pinned = self.is_pinned(certificate);
        if is_pinned == Some(false) {
            return Err(Mismatch::Pin.into_certificate_error());
        }
        Ok(self.trust.is_some() || is_pinned == Some(true))
    }

    /// Whether anything is asked of a certificate.
    pub(crate) fn asks_for_something(&self) -> bool {
        self.proves_identity() || !self.subject_alt_names.is_empty()
    }

    /// Whether a certificate that passes proves who its owner is.
    pub(crate) fn proves_identity(&self) -> bool {
        let pins = [&self.certificate_pins, &self.spki_pins];
        self.trust.is_some() || pins.iter().any(|pins| !pins.is_empty())
    }

    fn verify_chain(
        &self,
        trust: &Trust,
        leaf: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let crls: Vec<_> = trust.crls.iter().collect();
        let depth = match trust.crl_leaf_only {
            true => RevocationCheckDepth::EndEntity,
            false => RevocationCheckDepth::Chain,
        };
        // Without lists nothing is looked up.
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|options| {
            let options = options.with_depth(depth);
            options
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let usage = match self.role {
            PeerRole::Client => KeyUsage::client_auth(),
            PeerRole::Server => KeyUsage::server_auth(),
        };
        leaf.verify_for_usage(
            self.algorithms.all,
            &trust.anchors,
            intermediates,
            now,
            usage,
            revocation,
            None,
        )
        .map(drop)
        .map_err(webpki_error::translate)
    }

    fn has_accepted_name(&self, certificate: &CertificateDer<'_>) -> bool {
        if self.subject_alt_names.is_empty() {
            return true;
        }
        let names = alt_names(certificate);
        let accepts = |matcher: &SanMatcher| {
            let mut of_kind = names
                .iter()
                .filter(|(kind, _)| matcher.kind.is_none_or(|wanted| wanted == *kind));
            of_kind.any(|(kind, name)| accepts(matcher, *kind, name))
        };
        self.subject_alt_names.iter().any(accepts)
    }

    /// `None` where none are pinned.
    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> Option<bool> {
        if self.certificate_pins.is_empty() && self.spki_pins.is_empty() {
            return None;
        }
        let whole = digest::sha256(certificate);
        let is_whole = self.certificate_pins.iter().any(|pin| pin.0 == whole);
        let has_key = || {
            let key = spki_digest(certificate);
            key.is_some_and(|key| self.spki_pins.iter().any(|pin| pin.0 == key))
        };
        Some(is_whole || has_key())
    }

    /// As rustls asks it: lets pass what may go on unverified.
    fn admit(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<(), Error> {
        match self.verify(certificate, intermediates, name, now) {
            Ok(_) => Ok(()),
            Err(_) if self.accept_untrusted => Ok(()),
            Err(error) => Err(Error::InvalidCertificate(error)),
        }
    }
}

/// Whether a name is as the matcher wants it. A wildcard stands for one label, the
/// first.
fn accepts(matcher: &SanMatcher, kind: SanKind, name: &str) -> bool {
    if let (SanKind::Dns, Rule::Exact(wanted), false) =
        (kind, &matcher.value.rule, matcher.value.invert)
        && let Some(rest) = name.strip_prefix("*.")
        && let Some((first, parent)) = wanted.split_once('.')
    {
        return !first.is_empty() && parent.eq_ignore_ascii_case(rest);
    }
    match (kind, &matcher.value.rule) {
        // Host names have no case.
        (SanKind::Dns, Rule::Exact(wanted)) if !matcher.value.invert => {
            wanted.eq_ignore_ascii_case(name)
        }
        _ => matcher.value.matches_value(Some(name)),
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("role", &self.role)
            .field("is_required", &self.is_required)
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.admit(certificate, intermediates, None, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.admit(certificate, intermediates, Some(name), now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
