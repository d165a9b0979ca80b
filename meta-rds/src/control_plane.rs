//! Where resources come from: control planes and files.

use std::{fmt, io, path::PathBuf, time::Duration};

use meta_core::BoxFuture;
use meta_router::Connected;

mod plain;

pub use plain::PlainDialer;

/// Where resources come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigSource {
    /// A control plane.
    Grpc(GrpcSource),
    /// A file, which is read again whenever it changes.
    File(FileSource),
}

/// A control plane that speaks gRPC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GrpcSource {
    /// The server.
    pub server: GrpcServer,
    /// Whether it tells what changed, rather than everything each time.
    pub delta: bool,
    /// What its name is in requests (`:authority`); `None`: the name of the cluster
    /// or the target.
    pub authority: Option<String>,
    /// Sent along with each stream, as headers.
    pub metadata: Vec<(String, String)>,
    /// Whether only the first request of a stream names the node.
    pub node_on_first_message_only: bool,
    /// Bytes that one response may have.
    pub max_message_bytes: usize,
}

/// The server of a control plane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrpcServer {
    /// A cluster of the bootstrap, by its name (`envoy_grpc`).
    Cluster(String),
    /// A server by its address (`google_grpc`).
    Target(GrpcTarget),
}

/// The address of a server, and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GrpcTarget {
    /// `HOST:PORT`, `dns:///HOST:PORT`, `ipv4:A:PORT`, `ipv6:[A]:PORT` or
    /// `unix:PATH`.
    pub uri: String,
    /// `None`: plain text.
    pub tls: Option<GrpcTls>,
}

/// TLS to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GrpcTls {
    /// Who may have signed its certificate, in PEM; `None`: whom the system trusts.
    pub root_certs: Option<PemData>,
    /// Our certificate and those that lead to who signed it, in PEM.
    pub cert_chain: Option<PemData>,
    /// The key of our certificate, in PEM.
    pub private_key: Option<PemData>,
}

/// Something in PEM, and where it stands.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PemData {
    /// A file of that path.
    File(PathBuf),
    /// It itself.
    Inline(Vec<u8>),
    /// What stands in that environment variable.
    Environment(String),
}

/// A file that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FileSource {
    /// Its path.
    pub path: PathBuf,
    /// How often it is looked at.
    pub poll_interval: Duration,
}

impl GrpcSource {
    /// Bytes that one response may have where nobody says otherwise.
    pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

    /// A control plane that tells everything each time.
    pub fn new(server: GrpcServer) -> Self {
        Self {
            server,
            delta: false,
            authority: None,
            metadata: Vec::new(),
            node_on_first_message_only: false,
            max_message_bytes: Self::MAX_MESSAGE_BYTES,
        }
    }
}

impl GrpcTarget {
    /// A server that speaks plain text.
    pub fn plain(uri: impl Into<String>) -> Self {
        let (uri, tls) = (uri.into(), None);
        Self { uri, tls }
    }

    /// The host that is named, without the port; `None` for a unix socket.
    pub fn host(&self) -> Option<&str> {
        if self.uri.starts_with("unix:") {
            return None;
        }
        let host = self.address();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        Some(host.trim_start_matches('[').trim_end_matches(']'))
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        let schemes = ["dns:///", "dns:", "ipv4:", "ipv6:"];
        let address = schemes
            .iter()
            .find_map(|scheme| self.uri.strip_prefix(scheme));
        address.unwrap_or(&self.uri)
    }
}

impl FileSource {
    /// How often files are looked at where nobody says otherwise.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

    /// A file, looked at every [`POLL_INTERVAL`](Self::POLL_INTERVAL).
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            poll_interval: Self::POLL_INTERVAL,
        }
    }
}

/// How it is called, in messages and statistics.
impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(source) => source.server.fmt(f),
            Self::File(file) => file.path.display().fmt(f),
        }
    }
}

impl fmt::Display for GrpcServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => f.write_str(name),
            Self::Target(target) => f.write_str(&target.uri),
        }
    }
}

/// Keys stay out of logs.
impl fmt::Debug for PemData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Inline(_) => f.write_str("inline"),
            Self::Environment(name) => write!(f, "${name}"),
        }
    }
}

/// Makes connections to control planes: the seam for clusters and TLS.
pub trait Dial: Send + Sync + 'static {
    /// Connects to `server`, TLS included: what is read and written is HTTP/2.
    ///
    /// Dropped where it takes too long.
    fn dial<'a>(&'a self, server: &'a GrpcServer) -> BoxFuture<'a, io::Result<Connected>>;
}
