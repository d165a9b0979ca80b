//! Versions, cipher suites and key exchanges.

use std::{fmt, str::FromStr};

/// A version of the protocol; older ones are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A cipher suite of TLS 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum CipherSuite {
    EcdheEcdsaAes128GcmSha256,
    EcdheEcdsaAes256GcmSha384,
    EcdheEcdsaChacha20Poly1305,
    EcdheRsaAes128GcmSha256,
    EcdheRsaAes256GcmSha384,
    EcdheRsaChacha20Poly1305,
}

/// How keys are agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum KeyExchange {
    X25519,
    P256,
    P384,
}

/// A name that stands for nothing that is spoken here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    name: String,
    /// Known elsewhere, and not spoken here.
    is_known: bool,
}

impl UnknownName {
    /// Whether the name is a good one of something that is not spoken here because
    /// it is weak, such as suites without forward secrecy.
    pub fn is_weak(&self) -> bool {
        self.is_known
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_known {
            true => write!(f, "{} is too weak to be spoken", self.name),
            false => write!(f, "{:?} is not known", self.name),
        }
    }
}

impl std::error::Error for UnknownName {}

/// Suites that Envoy knows, and that have no forward secrecy or no authenticated
/// encryption.
const WEAK: [&str; 8] = [
    "AES128-GCM-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
];

/// The name that Envoy has for it, or IANA.
impl FromStr for CipherSuite {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Ok(match name {
            "ECDHE-ECDSA-AES128-GCM-SHA256" | "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => {
                Self::EcdheEcdsaAes128GcmSha256
            }
            "ECDHE-ECDSA-AES256-GCM-SHA384" | "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => {
                Self::EcdheEcdsaAes256GcmSha384
            }
            "ECDHE-ECDSA-CHACHA20-POLY1305" | "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Self::EcdheEcdsaChacha20Poly1305
            }
            "ECDHE-RSA-AES128-GCM-SHA256" | "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => {
                Self::EcdheRsaAes128GcmSha256
            }
            "ECDHE-RSA-AES256-GCM-SHA384" | "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => {
                Self::EcdheRsaAes256GcmSha384
            }
            "ECDHE-RSA-CHACHA20-POLY1305" | "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => {
                Self::EcdheRsaChacha20Poly1305
            }
            other => {
                return Err(UnknownName {
                    name: other.to_owned(),
                    is_known: WEAK.contains(&other),
                });
            }
        })
    }
}

/// The name that Envoy has for it.
impl FromStr for KeyExchange {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Ok(match name {
            "X25519" => Self::X25519,
            "P-256" => Self::P256,
            "P-384" => Self::P384,
            other => {
                return Err(UnknownName {
                    name: other.to_owned(),
                    is_known: false,
                });
            }
        })
    }
}
