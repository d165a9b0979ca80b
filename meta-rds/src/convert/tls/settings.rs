//! Versions, suites, certificates, and where bytes come from.

use std::str::FromStr;

use envoy_types::pb::envoy::{
    config::core::v3::{self as core, data_source::Specifier},
    extensions::transport_sockets::tls::v3::{self as pb, tls_parameters::TlsProtocol},
};
use meta_tls::{
    CertificateConfig, CipherSuite, DataSource, KeyExchange, TlsConfig, TlsVersion, UnknownName,
};

use crate::{convert::Converter, path::Path};

impl Converter<'_> {
    pub(super) fn tls_params(
        &mut self,
        raw: &pb::TlsParameters,
        tls: &mut TlsConfig,
        path: &Path<'_>,
    ) {
        let min = path.field("tls_minimum_protocol_version");
        tls.min_version = self.version(raw.tls_minimum_protocol_version, &min);
        let max = path.field("tls_maximum_protocol_version");
        tls.max_version = self.version(raw.tls_maximum_protocol_version, &max);
        if let (Some(oldest), Some(newest)) = (tls.min_version, tls.max_version)
            && oldest > newest
        {
            self.error(&max, "older than the minimum");
        }
        // Several of equal preference may stand in brackets.
        let suites = raw.cipher_suites.iter();
        let suites = suites.flat_map(|text| text.trim_matches(['[', ']']).split('|'));
        let suites: Vec<_> = suites.map(str::to_owned).collect();
        tls.cipher_suites = self.named::<CipherSuite>(&suites, &path.field("cipher_suites"));
        tls.key_exchanges = self.named::<KeyExchange>(&raw.ecdh_curves, &path.field("ecdh_curves"));
    }

    fn version(&mut self, raw: i32, path: &Path<'_>) -> Option<TlsVersion> {
        match TlsProtocol::try_from(raw) {
            Ok(TlsProtocol::TlSv12) => Some(TlsVersion::Tls12),
            Ok(TlsProtocol::TlSv13) => Some(TlsVersion::Tls13),
            Ok(old @ (TlsProtocol::TlSv10 | TlsProtocol::TlSv11)) => {
                let text = format!(
                    "{} is not spoken any more: the oldest version is TLSv1_2",
                    old.as_str_name()
                );
                self.error(path, text);
                None
            }
            Ok(TlsProtocol::TlsAuto) | Err(_) => None,
        }
    }

    /// What the names stand for; weak ones are left out, with a warning.
    fn named<T: FromStr<Err = UnknownName>>(
        &mut self,
        names: &[String],
        path: &Path<'_>,
    ) -> Vec<T> {
        let mut known = Vec::new();
        let mut weak = 0;
        for name in names {
            match name.parse::<T>() {
                Ok(one) => known.push(one),
                Err(error) if error.is_weak() => {
                    weak += 1;
                    self.warn(path, format!("left out: {error}"));
                }
                Err(error) => self.error(path, error.to_string()),
            }
        }
        if known.is_empty() && weak > 0 {
            self.error(path, "nothing is left of it that is spoken");
        }
        known
    }

    pub(super) fn certificate(
        &mut self,
        raw: &pb::TlsCertificate,
        path: &Path<'_>,
    ) -> Option<CertificateConfig> {
        let chain = self.required(
            raw.certificate_chain.as_ref(),
            &path.field("certificate_chain"),
        );
        let key = self.required(raw.private_key.as_ref(), &path.field("private_key"));
        Some(CertificateConfig {
            chain: chain?,
            key: key?,
        })
    }

    fn required(&mut self, raw: Option<&core::DataSource>, path: &Path<'_>) -> Option<DataSource> {
        match raw {
            Some(raw) => self.data_source(raw, path),
            None => {
                self.error(path, "required");
                None
            }
        }
    }

    pub(super) fn data_source(
        &mut self,
        raw: &core::DataSource,
        path: &Path<'_>,
    ) -> Option<DataSource> {
        match &raw.specifier {
            Some(Specifier::Filename(path)) => Some(DataSource::File(path.into())),
            Some(Specifier::InlineBytes(bytes)) => Some(DataSource::Inline(bytes.clone())),
            Some(Specifier::InlineString(text)) => {
                Some(DataSource::Inline(text.clone().into_bytes()))
            }
            Some(Specifier::EnvironmentVariable(name)) => {
                Some(DataSource::Environment(name.clone()))
            }
            None => {
                self.error(path, "required");
                None
            }
        }
    }
}
