//! Connections to targets in plain text.

use std::{io, time::Duration};

use meta_core::{Address, BoxFuture};
use meta_router::{Connect, Connected, TcpConnector};
use tokio::net::lookup_host;

use super::{Dial, GrpcServer, GrpcTarget};

/// Connects to targets, in plain text; it knows of no clusters.
#[derive(Clone, Debug)]
pub struct PlainDialer {
    connector: TcpConnector,
}

impl PlainDialer {
    /// A dialer whose connections notice after a minute that the other end is gone.
    pub fn new() -> Self {
        let mut connector = TcpConnector::default();
        connector.keepalive = Some(Duration::from_secs(30));
        Self { connector }
    }

    async fn target(&self, target: &GrpcTarget) -> io::Result<Connected> {
        let uri = &target.uri;
        if let Some(path) = uri.strip_prefix("unix:") {
            // Two slashes may stand between scheme and path.
            let path = path.strip_prefix("//").unwrap_or(path);
            return self.connector.connect(&Address::Unix(path.into())).await;
        }
        let host = target.address();
        let mut last = None;
        for address in lookup_host(host).await? {
            match self.connector.connect(&Address::Ip(address)).await {
                Ok(connected) => return Ok(connected),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other(format!("{host:?} has no address"))))
    }
}

impl Default for PlainDialer {
    fn default() -> Self {
        Self::new()
    }
}

impl Dial for PlainDialer {
    fn dial<'a>(&'a self, server: &'a GrpcServer) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(async move {
            match server {
                GrpcServer::Target(target) if target.tls.is_none() => self.target(target).await,
                GrpcServer::Target(_) => Err(unsupported("TLS to a target")),
                GrpcServer::Cluster(name) => Err(unsupported(&format!("the cluster {name:?}"))),
            }
        })
    }
}

fn unsupported(what: &str) -> io::Error {
    let text = format!("{what} is nothing that a plain dialer knows");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
