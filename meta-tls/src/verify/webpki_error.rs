//! Errors of chain building, as rustls names them: it chooses the alert by them.

use rustls::CertificateError;
use webpki::Error;

use crate::error::Mismatch;

pub(super) fn translate(error: Error) -> CertificateError {
    match error {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => CertificateError::BadEncoding,
        Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        Error::InvalidCertValidity => CertificateError::Expired,
        Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        Error::CertRevoked => CertificateError::Revoked,
        Error::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        Error::CrlExpired { time, next_update } => {
            CertificateError::ExpiredRevocationListContext { time, next_update }
        }
        Error::UnknownIssuer => CertificateError::UnknownIssuer,
        Error::CertNotValidForName(_) => CertificateError::NotValidForName,
        Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        Error::InvalidSignatureForPublicKey | Error::InvalidCrlSignatureForPublicKey => {
            Mismatch::Signer.into_certificate_error()
        }
        other => CertificateError::Other(rustls::OtherError(std::sync::Arc::new(other))),
    }
}
