//! What a certificate says.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use meta_core::PeerCertificate;
use x509_cert::{
    Certificate,
    der::{Decode, Encode, asn1::OctetString},
    ext::pkix::{SubjectAltName, name::GeneralName},
    time::Time,
};

use crate::{config::SanKind, digest};

/// The alternative names of a certificate, with the kinds that can be matched.
pub(crate) fn alt_names(der: &[u8]) -> Vec<(SanKind, String)> {
    let Ok(certificate) = parse(der) else {
        return Vec::new();
    };
    let extension = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>();
    let Ok(Some((_, names))) = extension else {
        return Vec::new();
    };
    let name = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some((SanKind::Dns, name.as_str().to_owned())),
        GeneralName::UniformResourceIdentifier(uri) => {
            Some((SanKind::Uri, uri.as_str().to_owned()))
        }
        GeneralName::Rfc822Name(name) => Some((SanKind::Email, name.as_str().to_owned())),
        GeneralName::IpAddress(bytes) => Some((SanKind::Ip, ip(bytes)?.to_string())),
        _ => None,
    };
    names.0.iter().filter_map(name).collect()
}

/// What sessions know of a peer's certificate. Of one that cannot be read, which no
/// verification lets pass, its digest alone.
pub(crate) fn describe(der: &[u8], is_verified: bool) -> PeerCertificate {
    let mut peer = PeerCertificate::default();
    peer.is_verified = is_verified;
    peer.sha256 = digest::hex(&digest::sha256(der)).into();
    if let Ok(certificate) = parse(der) {
        let certificate = certificate.tbs_certificate();
        peer.subject = certificate.subject().to_string().into();
        peer.issuer = certificate.issuer().to_string().into();
        peer.serial = digest::hex(certificate.serial_number().as_bytes()).into();
    }
    for (kind, name) in alt_names(der) {
        match kind {
            SanKind::Dns => peer.dns_sans.push(name.into()),
            SanKind::Uri => peer.uri_sans.push(name.into()),
            SanKind::Email | SanKind::Ip => {}
        }
    }
    peer
}

/// A certificate of ours that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The file or environment variable that it came from; `inline bytes` for neither.
    pub source: Arc<str>,
    /// Whom it is for.
    pub subject: String,
    /// Its number, in hexadecimal.
    pub serial: String,
    /// Its alternative names, of the kinds that can be matched.
    pub alt_names: Vec<(SanKind, String)>,
    /// From when it is valid.
    pub valid_from: SystemTime,
    /// Until when.
    pub expires: SystemTime,
}

impl CertificateInfo {
    /// What a certificate says; `None` where it cannot be read.
    pub(crate) fn new(der: &[u8], source: &Arc<str>) -> Option<Self> {
        let certificate = parse(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let at = |time: Time| SystemTime::UNIX_EPOCH.checked_add(time.to_unix_duration());
        Some(Self {
            source: source.clone(),
            subject: certificate.subject().to_string(),
            serial: digest::hex(certificate.serial_number().as_bytes()),
            alt_names: alt_names(der),
            valid_from: at(certificate.validity().not_before)?,
            expires: at(certificate.validity().not_after)?,
        })
    }
}

/// The common name of whom it is for.
pub(crate) fn common_name(der: &[u8]) -> Option<String> {
    let certificate = parse(der).ok()?;
    let name = certificate
        .tbs_certificate()
        .subject()
        .common_name()
        .ok()??;
    Some(name.value().into_owned())
}

/// When it expires.
pub(crate) fn expires(der: &[u8]) -> Option<SystemTime> {
    let certificate = parse(der).ok()?;
    let at = certificate.tbs_certificate().validity().not_after;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at.to_unix_duration().as_secs()))
}

/// The digest of its key, `SubjectPublicKeyInfo` as DER.
pub(crate) fn spki_digest(der: &[u8]) -> Option<[u8; 32]> {
    let certificate = parse(der).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    Some(digest::sha256(&key.to_der().ok()?))
}

fn parse(der: &[u8]) -> x509_cert::der::Result<Certificate> {
    Certificate::from_der(der)
}

fn ip(bytes: &OctetString) -> Option<IpAddr> {
    let bytes = bytes.as_bytes();
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
