//! Connections to control planes: over the proxy's own clusters, and to targets.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use meta_core::{Address, BoxFuture};
use meta_rds::{ConfigSource, Dial, GrpcServer, GrpcTarget, GrpcTls, PemData, PlainDialer};
use meta_router::{ClusterConfig, Clusters, Connect, Connected};
use meta_tls::{
    CertificateConfig, CertificateSource, ClientTls, ClientTlsConfig, DataSource, TlsConfig,
    TlsConfigError, TlsContexts, ValidationConfig, ValidationSource,
};
use tokio::time::timeout;

use crate::config::FilterChainConfig;

/// What gRPC over TLS is asked for by.
const H2: &str = "h2";

/// Makes the connections to control planes.
pub(crate) struct Dialer {
    clusters: Arc<Clusters>,
    configs: HashMap<Arc<str>, ClusterConfig>,
    connector: Arc<dyn Connect>,
    targets: HashMap<GrpcTarget, Arc<ClientTls>>,
    plain: PlainDialer,
    /// Which endpoint is the next.
    turn: AtomicUsize,
}

impl Dialer {
    pub(crate) fn new(
        clusters: Arc<Clusters>,
        configs: &[ClusterConfig],
        connector: Arc<dyn Connect>,
    ) -> Self {
        let configs = configs
            .iter()
            .map(|config| (config.name.clone(), config.clone()));
        Self {
            clusters,
            configs: configs.collect(),
            connector,
            targets: HashMap::new(),
            plain: PlainDialer::new(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Learns how to speak TLS to the control plane of a chain, where that needs more
    /// than a cluster.
    pub(crate) fn learn(
        &mut self,
        chain: &FilterChainConfig,
        contexts: &TlsContexts,
    ) -> Result<(), TlsConfigError> {
        let source = chain.rds.as_ref().map(|rds| &rds.source);
        if let Some(ConfigSource::Grpc(source)) = source
            && let GrpcServer::Target(target) = &source.server
            && let Some(tls) = target_tls(target, contexts)?
        {
            self.targets.insert(target.clone(), tls);
        }
        Ok(())
    }

    async fn cluster(&self, name: &str) -> io::Result<Connected> {
        let unknown = || io::Error::other(format!("there is no cluster {name:?}"));
        let config = self.configs.get(name).ok_or_else(unknown)?;
        let endpoints = self
            .clusters
            .membership(name)
            .ok_or_else(unknown)?
            .addresses();
        if endpoints.is_empty() {
            return Err(io::Error::other(format!(
                "the cluster {name:?} has no endpoint"
            )));
        }
        // The next in turn; where nobody is there, those behind it.
        let first = self.turn.fetch_add(1, Relaxed) % endpoints.len();
        let (behind, before) = endpoints.split_at(first);
        let mut failure = None;
        for endpoint in before.iter().chain(behind) {
            match timeout(config.connect_timeout, self.endpoint(config, endpoint)).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => failure = Some(naming(endpoint, &error)),
                Err(_) => {
                    let late = format!("{endpoint}: not connected in time");
                    failure = Some(io::Error::new(io::ErrorKind::TimedOut, late));
                }
            }
        }
        Err(failure.unwrap_or_else(unknown))
    }

    async fn endpoint(&self, config: &ClusterConfig, endpoint: &Address) -> io::Result<Connected> {
        let connected = self
            .connector
            .connect_with(endpoint, &config.socket)
            .await?;
        let Connected { transport, local } = connected;
        let transport = match &config.transport_socket {
            Some(socket) => socket.connect(transport, endpoint).await?,
            None => transport,
        };
        Ok(Connected { transport, local })
    }

    async fn target(&self, server: &GrpcServer, target: &GrpcTarget) -> io::Result<Connected> {
        let Some(tls) = self.targets.get(target) else {
            return self.plain.dial(server).await;
        };
        let plain = GrpcServer::Target(GrpcTarget::plain(target.uri.clone()));
        let Connected { transport, local } = self.plain.dial(&plain).await?;
        // Sessions are kept by name, which the context has.
        let nowhere = Address::Unix(target.uri.clone().into());
        let (transport, _) = tls
            .handshake(transport, &nowhere)
            .await
            .map_err(io::Error::other)?;
        Ok(Connected {
            transport: Box::new(transport),
            local,
        })
    }
}

impl Dial for Dialer {
    fn dial<'a>(&'a self, server: &'a GrpcServer) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(async move {
            match server {
                GrpcServer::Cluster(name) => self.cluster(name).await,
                GrpcServer::Target(target) => self.target(server, target).await,
                other => Err(io::Error::other(format!("no way to connect to {other}"))),
            }
        })
    }
}

/// How TLS is spoken to a target; `None`: not at all. The certificate has to be for
/// the target's host.
pub(crate) fn target_tls(
    target: &GrpcTarget,
    contexts: &TlsContexts,
) -> Result<Option<Arc<ClientTls>>, TlsConfigError> {
    let Some(tls) = &target.tls else {
        return Ok(None);
    };
    let mut config = ClientTlsConfig::new(tls_config(tls));
    config.sni = target.host().map(str::to_owned);
    config.verify_sni = config.sni.is_some();
    contexts.client(config).map(Some)
}

fn tls_config(tls: &GrpcTls) -> TlsConfig {
    let mut config = TlsConfig::default();
    config.alpn = vec![H2.to_owned()];
    if let (Some(chain), Some(key)) = (&tls.cert_chain, &tls.private_key) {
        let certificate = CertificateConfig {
            chain: data(chain),
            key: data(key),
        };
        config
            .certificates
            .push(CertificateSource::Static(certificate));
    }
    if let Some(roots) = &tls.root_certs {
        let mut validation = ValidationConfig::default();
        validation.trusted_ca = Some(data(roots));
        config.validation = Some(ValidationSource::Static(validation));
    }
    config
}

fn data(pem: &PemData) -> DataSource {
    match pem {
        PemData::File(path) => DataSource::File(path.clone()),
        PemData::Environment(name) => DataSource::Environment(name.clone()),
        PemData::Inline(bytes) => DataSource::Inline(bytes.clone()),
        // Nothing is in it, and that is told.
        _ => DataSource::Inline(Vec::new()),
    }
}

fn naming(endpoint: &Address, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{endpoint}: {error}"))
}
