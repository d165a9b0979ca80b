//! Certificates and validation that are named, and come from elsewhere.

use std::{fmt, path::Path, sync::Arc};

use crate::config::{CertificateConfig, ValidationConfig};

/// A certificate, or where one comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CertificateSource {
    /// This one.
    Static(CertificateConfig),
    /// The secret of that name.
    Secret(SecretRef),
}

impl From<CertificateConfig> for CertificateSource {
    fn from(certificate: CertificateConfig) -> Self {
        Self::Static(certificate)
    }
}

/// How peers are verified, or where that is said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValidationSource {
    /// So.
    Static(ValidationConfig),
    /// As the secret says, on top of what stands here: of single values the secret's
    /// take their place, lists are added to.
    Secret {
        /// What holds besides the secret.
        base: ValidationConfig,
        /// Where the rest comes from.
        secret: SecretRef,
    },
}

impl From<ValidationConfig> for ValidationSource {
    fn from(validation: ValidationConfig) -> Self {
        Self::Static(validation)
    }
}

/// A secret, by its name and where it comes from. Two are equal where both agree.
#[derive(Clone)]
pub struct SecretRef {
    /// Its name, which statistics show.
    pub name: Arc<str>,
    /// Where it comes from.
    pub source: Arc<dyn SecretSource>,
}

impl PartialEq for SecretRef {
    fn eq(&self, other: &Self) -> bool {
        let files = (self.source.file(), other.source.file());
        self.name == other.name && files.0 == files.1
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRef")
            .field("name", &self.name)
            .field("file", &self.source.file())
            .finish()
    }
}

/// What a secret holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Secret {
    /// A certificate and its key.
    Certificate(CertificateConfig),
    /// How peers are verified.
    Validation(Box<ValidationConfig>),
}

/// Where a secret comes from that may change: a file in some form that is not known
/// here.
pub trait SecretSource: Send + Sync + 'static {
    /// The file that says it, which is watched.
    fn file(&self) -> Option<&Path>;

    /// What it says at present.
    ///
    /// # Errors
    ///
    /// Why there is none, in words for the log.
    fn read(&self) -> Result<Secret, String>;
}
