//! How peers are verified.

use envoy_types::pb::envoy::{
    extensions::transport_sockets::tls::v3::{
        self as pb, certificate_validation_context::TrustChainVerification,
        subject_alt_name_matcher::SanType,
    },
    r#type::matcher::v3::StringMatcher,
};
use meta_core::MetadataMatcher;
use meta_tls::{Pin, SanKind, SanMatcher, ValidationConfig};

use crate::{convert::Converter, path::Path};

impl Converter<'_> {
    #[expect(deprecated, reason = "the deprecated form is in use, too")]
    pub(super) fn validation(
        &mut self,
        raw: &pb::CertificateValidationContext,
        path: &Path<'_>,
    ) -> Option<ValidationConfig> {
        let mut validation = ValidationConfig::default();
        if let Some(ca) = &raw.trusted_ca {
            validation.trusted_ca = self.data_source(ca, &path.field("trusted_ca"));
        }
        if let Some(crl) = &raw.crl {
            validation.crl = self.data_source(crl, &path.field("crl"));
        }
        validation.crl_leaf_only = raw.only_verify_leaf_cert_crl;
        let accept = TrustChainVerification::AcceptUntrusted as i32;
        validation.accept_untrusted = raw.trust_chain_verification == accept;
        let pins = path.field("verify_certificate_hash");
        validation.certificate_pins = self.pins(&raw.verify_certificate_hash, &pins, Pin::from_hex);
        let pins = path.field("verify_certificate_spki");
        validation.spki_pins = self.pins(&raw.verify_certificate_spki, &pins, Pin::from_base64);
        let list = path.field("match_typed_subject_alt_names");
        for (index, raw) in raw.match_typed_subject_alt_names.iter().enumerate() {
            let place = list.index(index);
            let kind = match SanType::try_from(raw.san_type) {
                Ok(SanType::Dns) => SanKind::Dns,
                Ok(SanType::Uri) => SanKind::Uri,
                Ok(SanType::Email) => SanKind::Email,
                Ok(SanType::IpAddress) => SanKind::Ip,
                Ok(SanType::OtherName) => {
                    let text = "OTHER_NAME is not implemented yet";
                    self.unsupported(&place.field("san_type"), text);
                    return None;
                }
                // Refused by its own rules.
                Ok(SanType::Unspecified) | Err(_) => return None,
            };
            let matcher = raw.matcher.as_ref();
            validation.subject_alt_names.push(SanMatcher {
                kind: Some(kind),
                value: self.san(matcher, &place.field("matcher"))?,
            });
        }
        let list = path.field("match_subject_alt_names");
        for (index, raw) in raw.match_subject_alt_names.iter().enumerate() {
            validation.subject_alt_names.push(SanMatcher {
                kind: None,
                value: self.san(Some(raw), &list.index(index))?,
            });
        }
        Some(validation)
    }

    fn san(&mut self, raw: Option<&StringMatcher>, path: &Path<'_>) -> Option<MetadataMatcher> {
        let Some(raw) = raw else {
            self.error(path, "required");
            return None;
        };
        let mut matcher = MetadataMatcher::new("", self.string(raw, path)?);
        matcher.ignore_case = raw.ignore_case;
        Some(matcher)
    }

    fn pins(
        &mut self,
        texts: &[String],
        path: &Path<'_>,
        read: impl Fn(&str) -> Option<Pin>,
    ) -> Vec<Pin> {
        let mut pins = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match read(text) {
                Some(pin) => pins.push(pin),
                None => self.error(&path.index(index), "no SHA-256 digest in this field's form"),
            }
        }
        pins
    }
}
