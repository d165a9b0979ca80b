//! What goes wrong: with a configuration, and in a handshake.

use std::{io, time::Duration};

use rustls::{AlertDescription, CertificateError, Error};
use thiserror::Error as ThisError;

/// Why there is no context of a configuration.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file or variable cannot be read.
    #[error("cannot read the {what} from {from}: {source}")]
    Read {
        /// What it holds.
        what: &'static str,
        /// The file or variable.
        from: String,
        /// Why.
        source: io::Error,
    },
    /// What was read is not what it should be.
    #[error("the {what} in {from}: {problem}")]
    Invalid {
        /// What it should hold.
        what: &'static str,
        /// The file or variable.
        from: String,
        /// What is wrong.
        problem: String,
    },
    /// A secret is not there, or not what it should be.
    #[error("secret {name:?}: {problem}")]
    Secret {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The settings contradict each other, or lack something.
    #[error("{0}")]
    Settings(String),
}

/// Why a handshake failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer's first bytes are not TLS.
    #[error("the peer does not speak TLS: its first bytes are something else")]
    NotTls,
    /// The client asked for no server's name where one is required.
    #[error("the client asked for no server's name (SNI), and one is required")]
    NoServerName,
    /// The client presented no certificate where one is required.
    #[error("the client presented no certificate, and one is required")]
    NoClientCertificate,
    /// The peer's certificate failed verification.
    #[error("the peer's certificate {0}")]
    Certificate(CertificateProblem),
    /// The peer refused what we presented; the alert it sent.
    #[error("the peer refused the handshake: {0}")]
    Refused(String),
    /// There is no version, cipher suite or protocol that both speak.
    #[error("the peer and we have nothing in common: {0}")]
    NothingInCommon(String),
    /// It was not over in time.
    #[error("the TLS handshake was not over within {0:?}")]
    TimedOut(Duration),
    /// There are as many handshakes under way as there may be.
    #[error("{0} TLS handshakes are under way, as many as may be")]
    TooMany(usize),
    /// The peer closed the connection amid the handshake.
    #[error("the peer closed the connection amid the TLS handshake")]
    Closed,
    /// The connection broke.
    #[error("the connection broke amid the TLS handshake: {0}")]
    Io(io::Error),
    /// The peer broke a rule of the protocol, or we could not go on.
    #[error("TLS failed: {0}")]
    Protocol(String),
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// It has expired.
    #[error("has expired")]
    Expired,
    /// It is not valid yet.
    #[error("is not valid yet; are the clocks right?")]
    NotValidYet,
    /// It leads to no authority that is trusted.
    #[error("leads to no trusted authority")]
    UnknownCa,
    /// An authority of its issuer's name is trusted, and has another key: authorities
    /// that were renewed, and impostors, look like this.
    #[error("bears the name of a trusted authority, and is not signed by its key")]
    WrongSigner,
    /// It, or one on its way to the authority, was revoked.
    #[error("was revoked")]
    Revoked,
    /// There is no list that says whether it was revoked, or that has expired.
    #[error("may be revoked: there is no revocation list in force of its issuer")]
    UnknownRevocationStatus,
    /// It is not for the name that was asked for.
    #[error("is not for the name that was asked for")]
    WrongName,
    /// None of its alternative names is one of those that are accepted.
    #[error("has none of the subject alternative names that are accepted")]
    San,
    /// It is none of those that are pinned.
    #[error("is none of those that are pinned by digest")]
    NotPinned,
    /// It is not for this end of a connection.
    #[error("is not for this purpose (extended key usage)")]
    WrongPurpose,
    /// It cannot be read, or breaks a rule.
    #[error("is invalid: {0}")]
    Invalid(String),
}

/// Marks of problems that rustls has no words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum Mismatch {
    #[error("no subject alternative name is accepted")]
    San,
    #[error("not pinned")]
    Pin,
    #[error("signed by another key")]
    Signer,
}

impl Mismatch {
    pub(crate) fn into_certificate_error(self) -> CertificateError {
        CertificateError::Other(rustls::OtherError(std::sync::Arc::new(self)))
    }
}

impl HandshakeError {
    pub(crate) fn from_io(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(error) => Self::from_rustls(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Io(error),
        }
    }

    pub(crate) fn from_rustls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => {
                Self::Certificate(CertificateProblem::from_rustls(error))
            }
            Error::NoCertificatesPresented => Self::NoClientCertificate,
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::AlertReceived(alert) => Self::Refused(describe(*alert)),
            Error::PeerIncompatible(reason) => Self::NothingInCommon(format!("{reason:?}")),
            Error::NoApplicationProtocol => {
                Self::NothingInCommon("no application protocol (ALPN)".to_owned())
            }
            error => Self::Protocol(error.to_string()),
        }
    }
}

impl CertificateProblem {
    fn from_rustls(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotValidYet
            }
            CertificateError::UnknownIssuer => Self::UnknownCa,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownRevocationStatus
            | CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => {
                Self::UnknownRevocationStatus
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            CertificateError::Other(other) => match other.0.downcast_ref() {
                Some(Mismatch::San) => Self::San,
                Some(Mismatch::Pin) => Self::NotPinned,
                Some(Mismatch::Signer) => Self::WrongSigner,
                None => Self::Invalid(other.to_string()),
            },
            error => Self::Invalid(error.to_string()),
        }
    }
}

/// An alert, in words where it is about certificates, which is what operators meet.
fn describe(alert: AlertDescription) -> String {
    let meaning = match alert {
        AlertDescription::CertificateRequired => "it requires a certificate of ours",
        AlertDescription::UnknownCA => "it does not trust the authority of our certificate",
        AlertDescription::CertificateExpired => "our certificate has expired",
        AlertDescription::CertificateRevoked => "our certificate was revoked",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => "it does not accept our certificate",
        AlertDescription::AccessDenied => "it accepts our certificate, and not us",
        AlertDescription::UnrecognisedName => "it does not know the name we asked for",
        AlertDescription::ProtocolVersion => "it speaks another version of TLS",
        AlertDescription::NoApplicationProtocol => "it speaks another application protocol",
        AlertDescription::HandshakeFailure => {
            "it finds no version, cipher suite or certificate that will do"
        }
        _ => return format!("{alert:?}"),
    };
    format!("{meaning} ({alert:?})")
}
