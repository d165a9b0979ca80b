//! Listener filters: what looks at a connection before a filter chain is chosen.

use std::sync::Arc;

use meta_core::stats::{Cell, Gauge};
use meta_rds::{ListenerFilter, ListenerFilterKind};
use tokio::time::timeout;

use crate::{arrival::Arrival, listener::Listener};

mod proxy_protocol;
mod tls;

use self::{
    proxy_protocol::{ProxyProtocol, ProxyProtocolError},
    tls::{TlsInspector, TlsInspectorError},
};

/// A listener filter, and what it counts.
pub(crate) struct Filter {
    pub(crate) config: ListenerFilter,
    work: Work,
}

enum Work {
    TlsInspector(TlsInspector),
    ProxyProtocol(ProxyProtocol),
    OriginalDestination,
}

/// Why a connection is closed by a listener filter.
#[derive(Debug, thiserror::Error)]
enum InspectError {
    #[error("PROXY protocol: {0}")]
    ProxyProtocol(#[from] ProxyProtocolError),
    #[error("TLS inspection: {0}")]
    TlsInspector(#[from] TlsInspectorError),
    #[error("no listener filter can do its work")]
    Unwatched(#[source] std::io::Error),
}

impl Filter {
    pub(crate) fn new(config: &ListenerFilter) -> Self {
        Self {
            work: match &config.kind {
                ListenerFilterKind::TlsInspector(config) => {
                    Work::TlsInspector(TlsInspector::new(config.clone()))
                }
                ListenerFilterKind::ProxyProtocol(config) => {
                    Work::ProxyProtocol(ProxyProtocol::new(config.clone()))
                }
                // The kind is not exhaustive for other crates alone.
                _ => Work::OriginalDestination,
            },
            config: config.clone(),
        }
    }

    /// Whether it wants to see bytes.
    pub(crate) fn reads(&self) -> bool {
        !matches!(self.work, Work::OriginalDestination)
    }

    /// Shows `visit` what it counts, under Envoy's names.
    pub(crate) fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        match &self.work {
            Work::TlsInspector(inspector) => inspector.visit_stats(visit),
            Work::ProxyProtocol(protocol) => protocol.visit_stats(visit),
            Work::OriginalDestination => {}
        }
    }

    /// What it does where no bytes are needed.
    pub(crate) fn at_once(&self, arrival: &mut Arrival) {
        if let (Work::OriginalDestination, true) = (&self.work, self.is_for(arrival)) {
            arrival.restore_destination();
        }
    }

    async fn look_at(&self, arrival: &mut Arrival) -> Result<(), InspectError> {
        if !self.is_for(arrival) {
            return Ok(());
        }
        match &self.work {
            Work::TlsInspector(inspector) => inspector.look_at(arrival).await?,
            Work::ProxyProtocol(protocol) => protocol.look_at(arrival).await?,
            Work::OriginalDestination => arrival.restore_destination(),
        }
        Ok(())
    }

    fn is_for(&self, arrival: &Arrival) -> bool {
        let port = arrival.local.socket_addr().map(|address| address.port());
        let disabled = self.config.disabled.as_ref();
        !disabled.is_some_and(|condition| condition.holds(port))
    }
}

/// Lets the filters of its listener look at a connection, within their time; `None`
/// where it is closed.
pub(crate) async fn inspect(listener: Arc<Listener>, mut arrival: Arrival) -> Option<Arrival> {
    let _active = Active::new(&listener.stats.downstream_pre_cx_active);
    let looking = async {
        for filter in &listener.filters {
            filter.look_at(&mut arrival).await?;
        }
        Ok::<_, InspectError>(())
    };
    let settings = &listener.config.filters;
    let looked = match settings.timeout {
        Some(time) => timeout(time, looking).await.ok(),
        None => Some(looking.await),
    };
    let error = match looked {
        Some(Ok(())) => return Some(arrival),
        Some(Err(error)) => error,
        None => {
            listener.stats.downstream_pre_cx_timeout.inc();
            tracing::debug!(
                listener = %listener.config.name,
                remote = %arrival.remote,
                goes_on = settings.continue_on_timeout,
                "listener filters were not done in time"
            );
            if !settings.continue_on_timeout {
                return None;
            }
            match arrival.stream.forget_look() {
                Ok(stream) => return Some(Arrival { stream, ..arrival }),
                Err(error) => {
                    let error = InspectError::Unwatched(error);
                    tracing::debug!(listener = %listener.config.name, %error, "connection closed");
                    return None;
                }
            }
        }
    };
    if let InspectError::ProxyProtocol(error) = &error
        && error.is_of_header()
    {
        listener.stats.downstream_cx_proxy_proto_error.inc();
    }
    tracing::debug!(
        listener = %listener.config.name,
        remote = %arrival.remote,
        local = %arrival.local,
        %error,
        "connection closed"
    );
    None
}

/// Counts while it lasts.
struct Active<'a>(&'a Gauge);

impl<'a> Active<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
