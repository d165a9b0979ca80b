//! TLS, of listeners and of clusters.

use envoy_types::pb::envoy::{
    config::{core::v3 as core, listener::v3::FilterChain},
    extensions::transport_sockets::tls::v3 as pb,
};
use meta_router::Endpoints;
use meta_tls::{ClientTlsConfig, ServerTlsConfig, TlsConfig, ValidationSource};
use prost::{Message, Name};

use super::Converter;
use crate::path::Path;

mod secrets;
mod settings;
mod validation;

pub(super) use self::secrets::Secrets;

impl Converter<'_> {
    /// The TLS of a filter chain; `None`: plain bytes.
    pub(super) fn server_tls(
        &mut self,
        chain: &FilterChain,
        path: &Path<'_>,
    ) -> Option<ServerTlsConfig> {
        let place = path.field("transport_socket");
        let socket = chain.transport_socket.as_ref()?;
        let raw: pb::DownstreamTlsContext = self.transport_socket(socket, &place)?;
        let place = place.field("typed_config");
        let common = place.field("common_tls_context");
        let tls = self.common_tls(raw.common_tls_context.as_ref(), &common)?;
        if tls.certificates.is_empty() {
            let text = "required: a server needs a certificate";
            self.error(&common.field("tls_certificates"), text);
        }
        let mut config = ServerTlsConfig::new(tls);
        config.require_client_certificate =
            raw.require_client_certificate.unwrap_or_default().value;
        config.require_server_name = raw.require_sni.unwrap_or_default().value;
        use pb::downstream_tls_context::SessionTicketKeysType as Keys;
        config.resumption = !matches!(
            raw.session_ticket_keys_type,
            Some(Keys::DisableStatelessSessionResumption(true))
        );
        if let Some(timeout) = &chain.transport_socket_connect_timeout {
            let place = path.field("transport_socket_connect_timeout");
            let timeout = self.duration(timeout, &place)?;
            if !timeout.is_zero() {
                config.handshake_timeout = timeout;
            }
        }
        Some(config)
    }

    /// The TLS of a cluster's connections; `None`: plain bytes.
    pub(super) fn client_tls(
        &mut self,
        socket: &core::TransportSocket,
        endpoints: &Endpoints,
        path: &Path<'_>,
    ) -> Option<ClientTlsConfig> {
        let raw: pb::UpstreamTlsContext = self.transport_socket(socket, path)?;
        let place = path.field("typed_config");
        let common = place.field("common_tls_context");
        let tls = self.common_tls(raw.common_tls_context.as_ref(), &common)?;
        if tls.certificates.len() > 1 {
            let text = "a client presents one certificate at most";
            self.error(&common.field("tls_certificates"), text);
        }
        if tls.validation.as_ref().is_none_or(proves_nothing) {
            let text = "servers are not verified without a trusted_ca: anyone on the way to them \
                        can read and change everything";
            self.warn(&common, text);
        }
        let mut config = ClientTlsConfig::new(tls);
        config.sni = (!raw.sni.is_empty()).then(|| raw.sni.clone());
        if raw.auto_host_sni {
            match host_name(endpoints) {
                Some(name) => config.sni = Some(name),
                None => {
                    let text = "not implemented yet but for clusters that resolve a single name";
                    self.unsupported(&place.field("auto_host_sni"), text);
                }
            }
        }
        if raw.auto_sni_san_validation && config.sni.is_none() {
            let text = "there is no name to verify without sni or auto_host_sni";
            self.error(&place.field("auto_sni_san_validation"), text);
        }
        config.verify_sni = raw.auto_sni_san_validation;
        if let Some(max) = Self::size(raw.max_session_keys.as_ref()) {
            config.max_sessions = max;
        }
        Some(config)
    }

    /// What is in a transport socket, where it is what belongs here; plain bytes and
    /// what is not known here are `None`.
    fn transport_socket<T: Message + Name + Default>(
        &mut self,
        raw: &core::TransportSocket,
        path: &Path<'_>,
    ) -> Option<T> {
        use core::transport_socket::ConfigType;
        let Some(ConfigType::TypedConfig(any)) = &raw.config_type else {
            if raw.name != "envoy.transport_sockets.raw_buffer" {
                self.error(&path.field("typed_config"), "required");
            }
            return None;
        };
        let name = any.type_url.rsplit_once('/').map(|(_, name)| name);
        match name {
            Some(name) if name == T::full_name() => T::decode(&*any.value).ok(),
            Some(name) if name.ends_with("transport_sockets.raw_buffer.v3.RawBuffer") => None,
            Some(name)
                if name.ends_with("StreamTlsContext") || name.ends_with("streamTlsContext") =>
            {
                let text = format!("expected {}: this is for the other side", T::type_url());
                self.error(&path.field("typed_config"), text);
                None
            }
            _ => {
                let text = format!("this transport socket is not implemented yet: {}", raw.name);
                self.unsupported(path, text);
                None
            }
        }
    }

    fn common_tls(
        &mut self,
        raw: Option<&pb::CommonTlsContext>,
        path: &Path<'_>,
    ) -> Option<TlsConfig> {
        use pb::common_tls_context::ValidationContextType as Validation;
        let Some(raw) = raw else {
            return Some(TlsConfig::default());
        };
        let mut tls = TlsConfig::default();
        if let Some(params) = &raw.tls_params {
            self.tls_params(params, &mut tls, &path.field("tls_params"));
        }
        let list = path.field("tls_certificates");
        for (index, certificate) in raw.tls_certificates.iter().enumerate() {
            let certificate = self.certificate(certificate, &list.index(index));
            tls.certificates.extend(certificate.map(Into::into));
        }
        let list = path.field("tls_certificate_sds_secret_configs");
        for (index, secret) in raw.tls_certificate_sds_secret_configs.iter().enumerate() {
            let certificate = self.certificate_secret(secret, &list.index(index));
            tls.certificates.extend(certificate);
        }
        tls.validation = match &raw.validation_context_type {
            None => None,
            Some(Validation::ValidationContext(raw)) => {
                let validation = self.validation(raw, &path.field("validation_context"));
                Some(validation?.into())
            }
            Some(Validation::ValidationContextSdsSecretConfig(secret)) => {
                let place = path.field("validation_context_sds_secret_config");
                Some(self.validation_secret(None, secret, &place)?)
            }
            Some(Validation::CombinedValidationContext(combined)) => {
                let place = path.field("combined_validation_context");
                let base = combined.default_validation_context.as_ref();
                let base = base
                    .map(|raw| self.validation(raw, &place.field("default_validation_context")));
                let place = place.field("validation_context_sds_secret_config");
                let base = base.flatten();
                match &combined.validation_context_sds_secret_config {
                    Some(secret) => Some(self.validation_secret(base, secret, &place)?),
                    None => {
                        self.error(&place, "required");
                        None
                    }
                }
            }
            // Refused as fields that are not implemented.
            Some(_) => None,
        };
        tls.alpn = raw.alpn_protocols.clone();
        Some(tls)
    }
}

/// Whether any certificate will do.
fn proves_nothing(validation: &ValidationSource) -> bool {
    match validation {
        ValidationSource::Static(validation) => {
            let pins = [&validation.certificate_pins, &validation.spki_pins];
            validation.trusted_ca.is_none() && pins.iter().all(|pins| pins.is_empty())
        }
        // The secret will tell.
        _ => false,
    }
}

/// The name by which all endpoints are found, if it is one.
fn host_name(endpoints: &Endpoints) -> Option<String> {
    let hosts = endpoints.hosts();
    let (first, rest) = hosts.split_first()?;
    let same = rest.iter().all(|host| host.name == first.name);
    let is_name = first.name.parse::<std::net::IpAddr>().is_err();
    (same && is_name).then(|| first.name.to_string())
}
