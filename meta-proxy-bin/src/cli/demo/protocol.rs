//! What the demo has to know of a protocol.

use std::{fmt, net::SocketAddr};

use meta_router::RouteEntry;
use tokio::net::TcpStream;

use super::server::Server;

/// A protocol that the demo shows.
pub(super) trait Protocol: Copy + Send + Sync + 'static {
    /// The codec's name, and that of the listener.
    const NAME: &'static str;
    /// The routes, as they are told.
    const ROUTES: &'static [&'static str];

    /// The routes, between clusters called `NAME-v1` and `NAME-v2`.
    fn routes(self) -> Vec<RouteEntry>;

    /// What is called, in this order.
    fn calls(self) -> Vec<Call>;

    /// The length of the message at the beginning of `bytes`, once that is known.
    fn length(self, bytes: &[u8]) -> Option<usize>;

    /// A call of this number.
    fn write_call(self, number: u32, call: &Call) -> Vec<u8>;

    /// What the answer to that says.
    fn read_answer(self, number: u32, answer: &[u8]) -> anyhow::Result<String>;

    /// A server's answer, if these bytes are a call.
    fn answer(self, call: &[u8], version: &str) -> Option<Vec<u8>>;
}

/// One call that the demo makes.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) interface: &'static str,
    pub(super) method: &'static str,
    pub(super) name: &'static str,
    /// The attachment `tag`, where the protocol has such.
    pub(super) tag: Option<&'static str>,
}

/// As the demo shows it.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?}", self.method, self.name)?;
        if let Some(tag) = self.tag {
            write!(f, ", tag {tag}")?;
        }
        f.write_str(")")
    }
}

/// So many rounds of calls to greet a few people.
pub(super) fn greet(rounds: usize, call: &Call) -> impl Iterator<Item = Call> {
    const NAMES: [&str; 3] = ["Ada", "Grace", "Linus"];
    let calls = NAMES.iter().cycle().take(rounds * NAMES.len());
    calls.map(|name| Call {
        name,
        ..call.clone()
    })
}

/// What a server of `version` says to a call.
pub(super) fn greeting(method: &str, name: &str, version: &str) -> Option<String> {
    let greeting = match method {
        "sayHello" => "hello",
        "sayHelloBeta" => "hello (beta)",
        "sayGoodbye" => "goodbye",
        _ => return None,
    };
    Some(format!("{greeting} {name} from {version}"))
}

/// The name of the cluster that one server makes.
pub(super) fn cluster<P: Protocol>(version: &str) -> String {
    format!("{}-{version}", P::NAME)
}

/// Two servers of a protocol, and where clients find them.
pub(super) struct Side<P> {
    pub(super) protocol: P,
    pub(super) servers: [Server; 2],
}

impl<P: Protocol> Side<P> {
    pub(super) async fn start(protocol: P) -> std::io::Result<Self> {
        let servers = [
            Server::start(protocol, "v1").await?,
            Server::start(protocol, "v2").await?,
        ];
        Ok(Self { protocol, servers })
    }
}

/// A connection to `address`.
pub(super) async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
