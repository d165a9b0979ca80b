//! Secrets: by name out of the file itself, or out of files of their own.

use std::{collections::HashMap, sync::Arc};

use envoy_types::pb::envoy::{
    config::core::v3::{ConfigSource, config_source::ConfigSourceSpecifier},
    extensions::transport_sockets::tls::v3::{self as pb, secret::Type},
};
use meta_tls::{CertificateSource, Secret, SecretRef, ValidationConfig, ValidationSource};

use crate::{convert::Converter, path::Path, secret_file::SecretFile};

/// The secrets of a bootstrap, by name; `None` for what has been refused.
pub(in crate::convert) type Secrets = HashMap<String, Option<Secret>>;

/// Where a secret comes from.
enum Found {
    Here(Secret),
    Elsewhere(SecretRef),
}

impl Converter<'_> {
    /// What is in a secret.
    pub(crate) fn secret(&mut self, raw: &pb::Secret, path: &Path<'_>) -> Option<Secret> {
        match &raw.r#type {
            Some(Type::TlsCertificate(raw)) => {
                let certificate = self.certificate(raw, &path.field("tls_certificate"))?;
                Some(Secret::Certificate(certificate))
            }
            Some(Type::ValidationContext(raw)) => {
                let validation = self.validation(raw, &path.field("validation_context"))?;
                Some(Secret::Validation(Box::new(validation)))
            }
            // Of no use here, and told as such.
            Some(Type::SessionTicketKeys(_) | Type::GenericSecret(_)) => None,
            None => {
                self.error(path, "there is nothing in it");
                None
            }
        }
    }

    pub(super) fn certificate_secret(
        &mut self,
        raw: &pb::SdsSecretConfig,
        path: &Path<'_>,
    ) -> Option<CertificateSource> {
        match self.found(raw, path)? {
            Found::Here(Secret::Certificate(certificate)) => Some(certificate.into()),
            Found::Here(_) => {
                self.error(&path.field("name"), "the secret is no certificate");
                None
            }
            Found::Elsewhere(secret) => Some(CertificateSource::Secret(secret)),
        }
    }

    pub(super) fn validation_secret(
        &mut self,
        base: Option<ValidationConfig>,
        raw: &pb::SdsSecretConfig,
        path: &Path<'_>,
    ) -> Option<ValidationSource> {
        let base = base.unwrap_or_default();
        match self.found(raw, path)? {
            Found::Here(Secret::Validation(validation)) => {
                Some(ValidationSource::Static(base.merged(*validation)))
            }
            Found::Here(_) => {
                self.error(&path.field("name"), "the secret is no validation context");
                None
            }
            Found::Elsewhere(secret) => Some(ValidationSource::Secret { base, secret }),
        }
    }

    fn found(&mut self, raw: &pb::SdsSecretConfig, path: &Path<'_>) -> Option<Found> {
        let Some(source) = &raw.sds_config else {
            return match self.secrets.get(&raw.name) {
                Some(secret) => secret.clone().map(Found::Here),
                None => {
                    let text = format!("there is no secret {:?} in static_resources", raw.name);
                    self.error(&path.field("name"), text);
                    None
                }
            };
        };
        let place = path.field("sds_config");
        match file_of(source) {
            Some(file) => Some(Found::Elsewhere(SecretRef {
                name: raw.name.as_str().into(),
                source: Arc::new(SecretFile::new(file, &raw.name)),
            })),
            None => {
                let text = "secrets from a control plane (SDS over gRPC) are not implemented yet; \
                            path_config_source is";
                self.unsupported(&place, text);
                None
            }
        }
    }
}

#[expect(deprecated, reason = "the deprecated form is in use, too")]
fn file_of(source: &ConfigSource) -> Option<&str> {
    match source.config_source_specifier.as_ref()? {
        ConfigSourceSpecifier::PathConfigSource(source) => Some(&source.path),
        ConfigSourceSpecifier::Path(path) => Some(path),
        _ => None,
    }
}
