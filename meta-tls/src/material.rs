//! What the sources of a configuration hold at present.

use std::{path::Path, sync::Arc, time::SystemTime};

use rustls::{
    DistinguishedName,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};
use webpki::{BorrowedCertRevocationList, CertRevocationList, anchor_from_trusted_cert};

use crate::{
    certificate::{self, CertificateInfo},
    config::{
        CertificateConfig, CertificateSource, DataSource, Secret, SecretRef, TlsConfig,
        ValidationConfig, ValidationSource,
    },
    error::TlsConfigError,
    kept::{Stamp, Stamps},
    verify::{PeerRole, Trust, Verifier},
};

/// Bytes that one source may hold.
const MAX_SOURCE_BYTES: u64 = 16 << 20;

/// Reads sources, and remembers which files they were.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) files: Stamps,
}

/// One of our certificates, ready to be used.
pub(crate) struct OwnCertificate {
    pub(crate) key: Arc<CertifiedKey>,
    /// Where it came from.
    pub(crate) source: Arc<str>,
    /// What statistics call it.
    pub(crate) name: String,
    /// When it, or one that leads to its authority, expires.
    pub(crate) expires: Option<SystemTime>,
}

impl OwnCertificate {
    /// What it and those that lead to its authority say.
    pub(crate) fn describe(&self) -> Vec<CertificateInfo> {
        let chain = self.key.cert.iter();
        chain
            .filter_map(|der| CertificateInfo::new(der, &self.source))
            .collect()
    }
}

impl Reader {
    /// All of our certificates.
    pub(crate) fn certificates(
        &mut self,
        config: &TlsConfig,
        provider: &CryptoProvider,
    ) -> Result<Vec<OwnCertificate>, TlsConfigError> {
        let mut certificates = Vec::with_capacity(config.certificates.len());
        for (index, source) in config.certificates.iter().enumerate() {
            let (config, name) = match source {
                CertificateSource::Static(config) => (config.clone(), format!("{index}")),
                CertificateSource::Secret(secret) => match self.secret(secret)? {
                    Secret::Certificate(config) => (config, secret.name.to_string()),
                    Secret::Validation(_) => {
                        return Err(wrong_kind(secret, "a validation context", "a certificate"));
                    }
                },
            };
            certificates.push(self.certificate(&config, name, provider)?);
        }
        Ok(certificates)
    }

    fn certificate(
        &mut self,
        config: &CertificateConfig,
        name: String,
        provider: &CryptoProvider,
    ) -> Result<OwnCertificate, TlsConfigError> {
        const CHAIN: &str = "certificate chain";
        let chain = self.all::<CertificateDer<'static>>(&config.chain, CHAIN)?;
        let expires = chain
            .iter()
            .filter_map(|der| certificate::expires(der))
            .min();
        let bytes = self.bytes(&config.key, "private key")?;
        let invalid = |problem: String| TlsConfigError::Invalid {
            what: "private key",
            from: config.key.to_string(),
            problem,
        };
        let is_encrypted = bytes.windows(9).any(|part| part == b"ENCRYPTED");
        if is_encrypted {
            return Err(invalid("encrypted keys are not supported".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| invalid(explain(error)))?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => invalid(format!(
                "it does not belong to the certificate in {}",
                config.chain
            )),
            error => invalid(error.to_string()),
        })?;
        Ok(OwnCertificate {
            key: Arc::new(key),
            source: config.chain.to_string().into(),
            name,
            expires,
        })
    }

    /// How peers in this role are verified; `None` where nothing is asked of them.
    pub(crate) fn verifier(
        &mut self,
        source: Option<&ValidationSource>,
        role: PeerRole,
        provider: &CryptoProvider,
    ) -> Result<Verifier, TlsConfigError> {
        let config = match source {
            None => ValidationConfig::default(),
            Some(ValidationSource::Static(config)) => config.clone(),
            Some(ValidationSource::Secret { base, secret }) => match self.secret(secret)? {
                Secret::Validation(config) => base.merged(*config),
                Secret::Certificate(_) => {
                    return Err(wrong_kind(secret, "a certificate", "a validation context"));
                }
            },
        };
        if config.trusted_ca.is_none() && !config.subject_alt_names.is_empty() {
            let text = "subject alternative names can only be matched with a trusted CA: \
                        without it anyone can claim any name";
            return Err(TlsConfigError::Settings(text.to_owned()));
        }
        let mut hints = Vec::new();
        let trust = match &config.trusted_ca {
            None if config.crl.is_some() => {
                let text = "a revocation list without a trusted CA has no effect";
                return Err(TlsConfigError::Settings(text.to_owned()));
            }
            None => None,
            Some(ca) => Some(self.trust(ca, &config, &mut hints)?),
        };
        Ok(Verifier {
            role,
            trust,
            hints,
            subject_alt_names: config.subject_alt_names,
            certificate_pins: config.certificate_pins,
            spki_pins: config.spki_pins,
            verify_name: false,
            accept_untrusted: config.accept_untrusted,
            is_required: false,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn trust(
        &mut self,
        ca: &DataSource,
        config: &ValidationConfig,
        hints: &mut Vec<DistinguishedName>,
    ) -> Result<Trust, TlsConfigError> {
        const CA: &str = "trusted CA";
        const CRL: &str = "revocation list";
        let invalid = |what, from: &DataSource, error: webpki::Error| TlsConfigError::Invalid {
            what,
            from: from.to_string(),
            problem: error.to_string(),
        };
        let mut anchors = Vec::new();
        for der in self.all::<CertificateDer<'static>>(ca, CA)? {
            let anchor = anchor_from_trusted_cert(&der).map_err(|error| invalid(CA, ca, error))?;
            let anchor = anchor.to_owned();
            hints.push(DistinguishedName::in_sequence(&anchor.subject));
            anchors.push(anchor);
        }
        let mut crls = Vec::new();
        if let Some(source) = &config.crl {
            for der in self.all::<CertificateRevocationListDer<'static>>(source, CRL)? {
                let crl = BorrowedCertRevocationList::from_der(&der)
                    .and_then(|crl| crl.to_owned())
                    .map_err(|error| invalid(CRL, source, error))?;
                crls.push(CertRevocationList::Owned(crl));
            }
        }
        Ok(Trust {
            anchors,
            crls,
            crl_leaf_only: config.crl_leaf_only,
        })
    }

    /// Everything of one kind that a source holds as PEM; at least one.
    fn all<T: PemObject>(
        &mut self,
        source: &DataSource,
        what: &'static str,
    ) -> Result<Vec<T>, TlsConfigError> {
        let bytes = self.bytes(source, what)?;
        let invalid = |problem: String| TlsConfigError::Invalid {
            what,
            from: source.to_string(),
            problem,
        };
        let all: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
        let all = all.map_err(|error| invalid(explain(error)))?;
        match all.is_empty() {
            true => Err(invalid(explain(pem::Error::NoItemsFound))),
            false => Ok(all),
        }
    }

    fn bytes(
        &mut self,
        source: &DataSource,
        what: &'static str,
    ) -> Result<Vec<u8>, TlsConfigError> {
        let read = match source {
            DataSource::Inline(bytes) => Ok(bytes.clone()),
            DataSource::File(path) => self.file(path),
            DataSource::Environment(name) => match std::env::var_os(name) {
                Some(value) => Ok(value.into_encoded_bytes()),
                None => Err(std::io::Error::new(
                    std::io::ErrorKind::NotFound,
                    "there is no such environment variable",
                )),
            },
        };
        read.map_err(|error| TlsConfigError::Read {
            what,
            from: source.to_string(),
            source: error,
        })
    }

    fn file(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.note(path);
        if std::fs::metadata(path)?.len() > MAX_SOURCE_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        std::fs::read(path)
    }

    /// Remembers how the file was before it is read.
    fn note(&mut self, path: &Path) {
        let stamp = || Stamp::of(path);
        self.files.entry(path.to_owned()).or_insert_with(stamp);
    }

    fn secret(&mut self, secret: &SecretRef) -> Result<Secret, TlsConfigError> {
        if let Some(file) = secret.source.file() {
            self.note(file);
        }
        secret
            .source
            .read()
            .map_err(|problem| TlsConfigError::Secret {
                name: secret.name.to_string(),
                problem,
            })
    }
}

fn wrong_kind(secret: &SecretRef, is: &str, wanted: &str) -> TlsConfigError {
    TlsConfigError::Secret {
        name: secret.name.to_string(),
        problem: format!("it is {is}, and not {wanted}"),
    }
}

fn explain(error: pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is none in it, as PEM".to_owned(),
        error => format!("not PEM: {error}"),
    }
}
