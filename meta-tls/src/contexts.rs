//! The TLS contexts of a proxy, and the watch over their files.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use crate::{
    certificate::CertificateInfo,
    client::ClientTls,
    config::{ClientTlsConfig, ServerTlsConfig},
    error::TlsConfigError,
    server::ServerTls,
};

/// A context whose files may change.
pub(crate) trait Watched: Send + Sync {
    /// Looks whether they have, and acts on it. Blocks on the file system.
    fn look(&self);

    /// When the first of its certificates expires.
    fn first_expiry(&self) -> Option<SystemTime>;

    /// What its certificates say, each with those that lead to its authority.
    fn certificates(&self) -> Vec<Vec<CertificateInfo>>;
}

/// Makes TLS contexts, and looks after them while they are used. Cheap to clone.
///
/// ```
/// use meta_tls::{ClientTlsConfig, TlsConfig, TlsContexts};
///
/// let contexts = TlsContexts::new();
/// let client = contexts.client(ClientTlsConfig::new(TlsConfig::default()))?;
/// # drop(client);
/// # Ok::<(), meta_tls::TlsConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct TlsContexts {
    watched: Arc<Mutex<Vec<Weak<dyn Watched>>>>,
}

impl TlsContexts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context for a listener. Reads its files; blocks on the file system.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the settings, or in a file.
    pub fn server(&self, config: ServerTlsConfig) -> Result<Arc<ServerTls>, TlsConfigError> {
        let server = Arc::new(ServerTls::new(config)?);
        self.watch_over(&(server.clone() as Arc<dyn Watched>));
        Ok(server)
    }

    /// A context for the connections of a cluster. Reads its files; blocks on the
    /// file system.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the settings, or in a file.
    pub fn client(&self, config: ClientTlsConfig) -> Result<Arc<ClientTls>, TlsConfigError> {
        let client = Arc::new(ClientTls::new(config)?);
        self.watch_over(&(client.clone() as Arc<dyn Watched>));
        Ok(client)
    }

    /// Looks every so often whether files have changed, of contexts made before or
    /// after; what has changed and does not change any more is put in force. What
    /// cannot be used is logged and counted, and the last good secrets stay.
    ///
    /// New handshakes go by new secrets; connections that there are go on, and no
    /// session from before is resumed. Never completes; runs as long as it is polled.
    pub async fn watch(&self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let contexts = self.clone();
            let looked = tokio::task::spawn_blocking(move || contexts.look()).await;
            if let Err(error) = looked {
                tracing::error!(%error, "looking for changed secrets failed");
            }
        }
    }

    /// One look: what [`TlsContexts::watch`] does every so often. Blocks on the file
    /// system.
    pub fn look(&self) {
        for context in self.contexts() {
            context.look();
        }
    }

    /// When the first certificate of ours expires.
    pub fn first_expiry(&self) -> Option<SystemTime> {
        self.contexts()
            .iter()
            .filter_map(|context| context.first_expiry())
            .min()
    }

    /// What our certificates in force say: each chain, the certificate proper first.
    pub fn certificates(&self) -> Vec<Vec<CertificateInfo>> {
        let contexts = self.contexts();
        let chains = contexts.iter().flat_map(|context| context.certificates());
        chains.collect()
    }

    fn watch_over(&self, context: &Arc<dyn Watched>) {
        let mut watched = self.watched();
        watched.retain(|context| context.strong_count() > 0);
        watched.push(Arc::downgrade(context));
    }

    fn contexts(&self) -> Vec<Arc<dyn Watched>> {
        self.watched().iter().filter_map(Weak::upgrade).collect()
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Weak<dyn Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TlsContexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContexts")
            .field("count", &self.contexts().len())
            .finish()
    }
}
