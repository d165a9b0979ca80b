//! Which of several certificates a client sees.

use std::{fmt, sync::Arc};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{
    certificate::{alt_names, common_name},
    config::SanKind,
    material::OwnCertificate,
};

/// Chooses by the name that a client asks for: a certificate for just that name, one
/// for a wildcard that covers it, or else the first; of equals the first whose key the
/// client can verify.
pub(super) struct CertificateChooser {
    certificates: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

impl CertificateChooser {
    /// `None` where there is none to choose from.
    pub(super) fn new(certificates: &[OwnCertificate]) -> Option<Self> {
        let named = |own: &OwnCertificate| (names(&own.key), own.key.clone());
        let certificates: Vec<_> = certificates.iter().map(named).collect();
        (!certificates.is_empty()).then_some(Self { certificates })
    }
}

/// The names a certificate is for, in lower case; the common name where it has no
/// alternative ones.
fn names(key: &CertifiedKey) -> Vec<String> {
    let Some(der) = key.cert.first() else {
        return Vec::new();
    };
    let dns = alt_names(der)
        .into_iter()
        .filter(|(kind, _)| *kind == SanKind::Dns);
    let mut names: Vec<_> = dns.map(|(_, name)| name.to_ascii_lowercase()).collect();
    if names.is_empty() {
        names.extend(common_name(der).map(|name| name.to_ascii_lowercase()));
    }
    names
}

impl ResolvesServerCert for CertificateChooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let wanted = hello.server_name().map(str::to_ascii_lowercase);
        let wildcard = wanted
            .as_deref()
            .and_then(|name| name.split_once('.'))
            .map(|(_, parent)| format!("*.{parent}"));
        // False comes before true.
        let rank = |(names, key): &&(Vec<String>, Arc<CertifiedKey>)| {
            let is_for =
                |name: &Option<String>| name.as_ref().is_some_and(|name| names.contains(name));
            let can_be_verified = key.key.choose_scheme(hello.signature_schemes()).is_some();
            (!can_be_verified, !is_for(&wanted), !is_for(&wildcard))
        };
        let chosen = self.certificates.iter().min_by_key(rank)?;
        Some(chosen.1.clone())
    }
}

impl fmt::Debug for CertificateChooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.certificates.iter().map(|(names, _)| names);
        f.debug_list().entries(names).finish()
    }
}
