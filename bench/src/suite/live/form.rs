//! In which form a proxy takes its routes.

use anyhow::{Result, bail};

use crate::suite::peer::Peer;

/// The resource type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// Envoy's routes of HTTP, by RDS: what our proxy takes.
    Http,
    /// Those of its `thrift_proxy` (TRDS), which it takes by ADS alone.
    Thrift,
}

impl Form {
    pub(super) fn of(peer: Peer) -> Result<Self> {
        match peer {
            Peer::Ours => Ok(Self::Http),
            Peer::Envoy => Ok(Self::Thrift),
            other => bail!("{other} has no live routes here"),
        }
    }
}
