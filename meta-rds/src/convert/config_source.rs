//! Where resources come from.

use std::{path::PathBuf, time::Duration};

use envoy_types::pb::envoy::config::core::v3::{
    self as core, ApiVersion, GrpcService,
    api_config_source::ApiType,
    config_source::ConfigSourceSpecifier,
    data_source::Specifier,
    grpc_service::{
        EnvoyGrpc, GoogleGrpc, TargetSpecifier,
        google_grpc::channel_credentials::CredentialSpecifier,
    },
};

use super::{Converter, listener::Names};
use crate::{
    control_plane::{
        ConfigSource, FileSource, GrpcServer, GrpcSource, GrpcTarget, GrpcTls, PemData,
    },
    path::Path,
};

/// How long a first fetch may take where the file does not say.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

impl Converter<'_> {
    /// A source, and how long its first fetch may take (`None`: for ever).
    #[expect(deprecated, reason = "deprecated fields are read, too")]
    pub(super) fn config_source(
        &mut self,
        raw: &core::ConfigSource,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<(ConfigSource, Option<Duration>)> {
        let timeout = match &raw.initial_fetch_timeout {
            None => Some(FETCH_TIMEOUT),
            Some(raw) => {
                let time = self.duration(raw, &path.field("initial_fetch_timeout"))?;
                (!time.is_zero()).then_some(time)
            }
        };
        if raw.resource_api_version == ApiVersion::V2 as i32 {
            self.error(&path.field("resource_api_version"), "only V3 is spoken");
        }
        if !raw.authorities.is_empty() {
            let text = "authorities are not implemented yet";
            self.unsupported(&path.field("authorities"), text);
        }
        let source = match &raw.config_source_specifier {
            Some(ConfigSourceSpecifier::Path(file)) => self.file(file, &path.field("path"))?,
            Some(ConfigSourceSpecifier::PathConfigSource(raw)) => {
                let place = path.field("path_config_source");
                // The file itself is looked at, wherever links lead: a folder whose
                // link is exchanged needs not be named.
                let mut source = self.file(&raw.path, &place.field("path"))?;
                if let Some(interval) = &raw.poll_interval {
                    let interval = self.duration(interval, &place.field("poll_interval"))?;
                    source.poll_interval = interval.max(Duration::from_millis(10));
                }
                source
            }
            Some(ConfigSourceSpecifier::ApiConfigSource(raw)) => {
                let place = path.field("api_config_source");
                let source = self.grpc_source(raw, &place, clusters)?;
                return Some((ConfigSource::Grpc(source), timeout));
            }
            Some(ConfigSourceSpecifier::Ads(_)) => {
                let text = "aggregated discovery is not implemented yet";
                self.unsupported(&path.field("ads"), text);
                return None;
            }
            Some(ConfigSourceSpecifier::Self_(_)) => {
                let text = "the source a resource came from is not implemented yet";
                self.unsupported(&path.field("self"), text);
                return None;
            }
            None => {
                let text = "required: there is neither api_config_source nor path_config_source";
                self.error(&path.field("api_config_source"), text);
                return None;
            }
        };
        Some((ConfigSource::File(source), timeout))
    }

    fn file(&mut self, file: &str, path: &Path<'_>) -> Option<FileSource> {
        if file.is_empty() {
            self.error(path, "must not be empty");
            return None;
        }
        Some(FileSource::new(file))
    }

    #[expect(deprecated, reason = "deprecated versions are refused by their names")]
    fn grpc_source(
        &mut self,
        raw: &core::ApiConfigSource,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<GrpcSource> {
        if raw.transport_api_version == ApiVersion::V2 as i32 {
            self.error(&path.field("transport_api_version"), "only V3 is spoken");
        }
        let kind = path.field("api_type");
        let delta = match ApiType::try_from(raw.api_type) {
            Ok(ApiType::Grpc) => false,
            Ok(ApiType::DeltaGrpc) => true,
            Ok(ApiType::Rest | ApiType::AggregatedGrpc | ApiType::AggregatedDeltaGrpc) => {
                self.unsupported(&kind, "only GRPC and DELTA_GRPC are implemented yet");
                return None;
            }
            Ok(_) | Err(_) => {
                self.error(&kind, "must be GRPC or DELTA_GRPC");
                return None;
            }
        };
        for (field, is_set) in [
            ("refresh_delay", raw.refresh_delay.is_some()),
            ("request_timeout", raw.request_timeout.is_some()),
            ("cluster_names", !raw.cluster_names.is_empty()),
        ] {
            if is_set {
                self.warn(&path.field(field), "no effect: it is for REST alone");
            }
        }
        if raw.rate_limit_settings.is_some() {
            let text = "no effect: requests are answers, and few";
            self.warn(&path.field("rate_limit_settings"), text);
        }
        if !raw.config_validators.is_empty() {
            let text = "no effect: there are no validators";
            self.warn(&path.field("config_validators"), text);
        }
        let services = path.field("grpc_services");
        let [service] = &*raw.grpc_services else {
            let text = format!("expected one server, found {}", raw.grpc_services.len());
            self.error(&services, text);
            return None;
        };
        let mut source = self.grpc_service(service, &services.index(0), clusters)?;
        source.delta = delta;
        source.node_on_first_message_only = raw.set_node_on_first_message_only;
        Some(source)
    }

    fn grpc_service(
        &mut self,
        raw: &GrpcService,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<GrpcSource> {
        let mut source = match &raw.target_specifier {
            Some(TargetSpecifier::EnvoyGrpc(raw)) => {
                self.envoy_grpc(raw, &path.field("envoy_grpc"), clusters)?
            }
            Some(TargetSpecifier::GoogleGrpc(raw)) => {
                self.google_grpc(raw, &path.field("google_grpc"))?
            }
            // The rules ask for one.
            None => return None,
        };
        if raw.retry_policy.is_some() {
            let text = "no effect: new attempts come after 0.01 to 0.5 s, growing to 30 s";
            self.warn(&path.field("retry_policy"), text);
        }
        if raw.timeout.is_some() {
            self.warn(&path.field("timeout"), "no effect: streams have no end");
        }
        let metadata = path.field("initial_metadata");
        for (index, header) in raw.initial_metadata.iter().enumerate() {
            let key = header.key.to_ascii_lowercase();
            let is_token = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
            let is_text = |c: u8| (0x20..0x7f).contains(&c);
            if key.is_empty() || !key.bytes().all(is_token) || !header.value.bytes().all(is_text) {
                self.error(&metadata.index(index), "not a header");
                continue;
            }
            source.metadata.push((key, header.value.clone()));
        }
        Some(source)
    }

    fn envoy_grpc(
        &mut self,
        raw: &EnvoyGrpc,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<GrpcSource> {
        if !clusters.contains_key(&raw.cluster_name) {
            let text = format!("there is no cluster {:?}", raw.cluster_name);
            self.error(&path.field("cluster_name"), text);
            return None;
        }
        if raw.retry_policy.is_some() {
            let text = "no effect: new attempts come after 0.01 to 0.5 s, growing to 30 s";
            self.warn(&path.field("retry_policy"), text);
        }
        let server = GrpcServer::Cluster(raw.cluster_name.clone());
        let mut source = GrpcSource::new(server);
        source.authority = (!raw.authority.is_empty()).then(|| raw.authority.clone());
        if let Some(max) = Self::size(raw.max_receive_message_length.as_ref()) {
            source.max_message_bytes = max;
        }
        Some(source)
    }

    fn google_grpc(&mut self, raw: &GoogleGrpc, path: &Path<'_>) -> Option<GrpcSource> {
        for (field, is_set) in [
            ("call_credentials", !raw.call_credentials.is_empty()),
            (
                "call_credentials_plugin",
                !raw.call_credentials_plugin.is_empty(),
            ),
            (
                "channel_credentials_plugin",
                !raw.channel_credentials_plugin.is_empty(),
            ),
            (
                "credentials_factory_name",
                !raw.credentials_factory_name.is_empty(),
            ),
        ] {
            if is_set {
                self.unsupported(
                    &path.field(field),
                    "such credentials are not implemented yet",
                );
            }
        }
        if raw.channel_args.is_some() {
            self.warn(&path.field("channel_args"), "no effect on this proxy");
        }
        let credentials = path.field("channel_credentials");
        let specifier = raw.channel_credentials.as_ref();
        let tls = match specifier.and_then(|raw| raw.credential_specifier.as_ref()) {
            None | Some(CredentialSpecifier::LocalCredentials(_)) => None,
            Some(CredentialSpecifier::SslCredentials(raw)) => {
                let place = credentials.field("ssl_credentials");
                if raw.root_certs.is_none() {
                    let text = "the authorities that the system trusts are not implemented yet";
                    self.unsupported(&place.field("root_certs"), text);
                }
                if raw.cert_chain.is_some() != raw.private_key.is_some() {
                    self.error(&place, "cert_chain and private_key go together");
                }
                Some(GrpcTls {
                    root_certs: self.pem(raw.root_certs.as_ref(), &place.field("root_certs")),
                    cert_chain: self.pem(raw.cert_chain.as_ref(), &place.field("cert_chain")),
                    private_key: self.pem(raw.private_key.as_ref(), &place.field("private_key")),
                })
            }
            Some(CredentialSpecifier::GoogleDefault(_)) => {
                let text = "such credentials are not implemented yet";
                self.unsupported(&credentials.field("google_default"), text);
                return None;
            }
        };
        let uri = raw.target_uri.clone();
        Some(GrpcSource::new(GrpcServer::Target(GrpcTarget { uri, tls })))
    }

    fn pem(&mut self, raw: Option<&core::DataSource>, path: &Path<'_>) -> Option<PemData> {
        match raw?.specifier.as_ref()? {
            Specifier::Filename(name) => Some(PemData::File(PathBuf::from(name))),
            Specifier::InlineBytes(bytes) => Some(PemData::Inline(bytes.clone())),
            Specifier::InlineString(text) => Some(PemData::Inline(text.clone().into_bytes())),
            Specifier::EnvironmentVariable(name) if name.is_empty() => {
                self.error(&path.field("environment_variable"), "must not be empty");
                None
            }
            Specifier::EnvironmentVariable(name) => Some(PemData::Environment(name.clone())),
        }
    }
}
