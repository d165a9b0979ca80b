//! How a peer's certificate is verified.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use meta_core::MetadataMatcher;

use crate::{config::DataSource, digest};

/// How a peer's certificate is verified.
///
/// A certificate is verified when it leads to a trusted authority, or is pinned, and
/// fulfils the rest. Where neither is asked for, any will do, and none counts as
/// verified.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ValidationConfig {
    /// The authorities that are trusted, as PEM.
    pub trusted_ca: Option<DataSource>,
    /// What they have revoked, as PEM. With it, every authority of a chain needs a
    /// list that has not expired.
    pub crl: Option<DataSource>,
    /// Whether only the peer's own certificate is looked up there. Default: `false`.
    pub crl_leaf_only: bool,
    /// One of the certificate's alternative names must fulfil one of these; needs
    /// `trusted_ca`. Default: whatever name.
    pub subject_alt_names: Vec<SanMatcher>,
    /// The certificate must be one of these, or have one of the `spki_pins`; digests
    /// of the certificate as DER. Default: whatever certificate.
    pub certificate_pins: Vec<Pin>,
    /// As `certificate_pins`; digests of the key (`SubjectPublicKeyInfo`) as DER.
    pub spki_pins: Vec<Pin>,
    /// Whether connections go on whose certificate fails verification; it does not
    /// count as verified then. Default: `false`.
    pub accept_untrusted: bool,
}

impl ValidationConfig {
    /// What holds when `other` comes on top: its single values take the place of
    /// these, lists are added to.
    #[must_use]
    pub fn merged(&self, other: Self) -> Self {
        let both = |mut ours: Vec<Pin>, theirs| {
            ours.extend(theirs);
            ours
        };
        let mut subject_alt_names = self.subject_alt_names.clone();
        subject_alt_names.extend(other.subject_alt_names);
        Self {
            trusted_ca: other.trusted_ca.or_else(|| self.trusted_ca.clone()),
            crl: other.crl.or_else(|| self.crl.clone()),
            crl_leaf_only: other.crl_leaf_only || self.crl_leaf_only,
            subject_alt_names,
            certificate_pins: both(self.certificate_pins.clone(), other.certificate_pins),
            spki_pins: both(self.spki_pins.clone(), other.spki_pins),
            accept_untrusted: other.accept_untrusted || self.accept_untrusted,
        }
    }
}

/// A condition on a name that a certificate is for.
#[derive(Clone, Debug)]
pub struct SanMatcher {
    /// Which of its names are looked at; `None` for all.
    pub kind: Option<SanKind>,
    /// What one of them must be. The matcher's own name means nothing here. An exact
    /// DNS name is matched by a wildcard in the certificate, too.
    pub value: MetadataMatcher,
}

/// By what it does: its debug form shows every part.
impl PartialEq for SanMatcher {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// What kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SanKind {
    /// A host name.
    Dns,
    /// A URI, such as `spiffe://cluster.local/ns/default/sa/greeter`.
    Uri,
    /// An e-mail address.
    Email,
    /// An IP address, in its usual form.
    Ip,
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub(crate) [u8; 32]);

impl Pin {
    /// The digest in 64 hexadecimal digits, with or without colons between the bytes.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u8> = match text.len() {
            64 => text.bytes().collect(),
            95 => {
                let (between, digits): (Vec<_>, Vec<_>) =
                    text.bytes().enumerate().partition(|(at, _)| at % 3 == 2);
                between.iter().all(|(_, b)| *b == b':').then_some(())?;
                digits.into_iter().map(|(_, byte)| byte).collect()
            }
            _ => return None,
        };
        let mut pin = [0; 32];
        for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            pair.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(pin))
    }

    /// The digest in base64.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({})", digest::hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_in_both_forms() {
        let plain = "df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a";
        let pairs: Vec<_> = plain.as_bytes().chunks(2).map(|p| [p[0], p[1]]).collect();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|p| str::from_utf8(p).expect("text"))
            .collect();
        let pin = Pin::from_hex(plain).expect("hexadecimal");
        assert_eq!(Pin::from_hex(&pairs.join(":")), Some(pin));
        assert_eq!(Pin::from_hex(&pairs.join(":").to_uppercase()), Some(pin));
        assert_eq!(format!("{pin:?}"), format!("Pin({plain})"));
        let spki = "32/3L+kRZSEmj28t1JZvUd9HmIP+cDezn3WRasMEnRo=";
        assert_eq!(Pin::from_base64(spki), Some(pin));
        for bad in [
            "",
            &plain[1..],
            &pairs.join("-"),
            &plain.replace('d', "g"),
            "+f",
        ] {
            assert_eq!(Pin::from_hex(bad), None, "{bad}");
            assert_eq!(Pin::from_base64(bad), None, "{bad}");
        }
    }
}
