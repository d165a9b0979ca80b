//! Providers: one that does what a test says, and one that serves by itself.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use codec_dubbo::wire::readonly;
use meta_proxy::{meta_core::Address, meta_router::ClusterConfig};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};

use crate::wire::{Frame, PATIENCE, REQUEST, TWO_WAY, Wire, answer};

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A provider whose connections are in the test's hands.
pub(crate) struct Provider {
    socket: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Provider {
    pub(crate) async fn bind() -> Self {
        Self::bind_to(loopback()).await
    }

    pub(crate) async fn bind_to(address: SocketAddr) -> Self {
        let socket = TcpListener::bind(address).await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        Self { socket, address }
    }

    /// The next connection, which has to come.
    pub(crate) async fn accept(&self) -> Wire {
        let accepted = timeout(PATIENCE, self.socket.accept()).await;
        let (stream, _) = accepted
            .expect("a connection, in time")
            .expect("it listens");
        stream.set_nodelay(true).expect("it is a socket");
        Wire::over(stream)
    }

    pub(crate) fn cluster(&self, name: &str) -> ClusterConfig {
        ClusterConfig::new(name, vec![Address::Ip(self.address)])
    }
}

/// A provider that answers each call with its name and the call's text; stops,
/// and closes its connections, when dropped.
pub(crate) struct Greeter {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    name: &'static str,
    hold: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
    calls: AtomicU64,
}

impl Greeter {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_at(name, loopback()).await
    }

    pub(crate) async fn start_at(name: &'static str, address: SocketAddr) -> Self {
        let provider = Provider::bind_to(address).await;
        let address = provider.address;
        let state = Arc::new(State {
            name,
            hold: watch::Sender::new(false),
            stopping: watch::Sender::new(false),
            calls: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let state = state.clone();
            async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = provider.socket.accept().await {
                    connections.spawn(serve(Wire::over(stream), state.clone()));
                }
            }
        });
        Self {
            address,
            state,
            _tasks: tasks,
        }
    }

    /// Holds all answers back, or lets them go.
    pub(crate) fn hold(&self, hold: bool) {
        self.state.hold.send_replace(hold);
    }

    /// Says on all connections, those to come as well, that no new calls are
    /// wanted; serves them nevertheless.
    pub(crate) fn say_readonly(&self) {
        self.state.stopping.send_replace(true);
    }

    /// How many calls have come.
    pub(crate) fn calls(&self) -> u64 {
        self.state.calls.load(Relaxed)
    }

    pub(crate) fn cluster(&self, name: &str) -> ClusterConfig {
        ClusterConfig::new(name, vec![Address::Ip(self.address)])
    }
}

async fn serve(mut wire: Wire, state: Arc<State>) {
    let (mut held, mut stopping) = (state.hold.subscribe(), state.stopping.subscribe());
    let mut said_readonly = false;
    let mut long = None;
    loop {
        let stops = async { stopping.wait_for(|stops| *stops).await.map(drop) };
        let received = tokio::select! {
            _ = stops, if !said_readonly => None,
            call = wire.receive_or_wait() => Some(call),
        };
        let Some(received) = received else {
            said_readonly = true;
            wire.send(readonly()).await;
            continue;
        };
        let Some(call) = received else { return };
        if call.flags() & REQUEST == 0 {
            continue;
        }
        state.calls.fetch_add(1, Relaxed);
        if call.flags() == REQUEST | TWO_WAY {
            if held.wait_for(|held| !held).await.is_err() {
                return;
            }
            let greeting = greeting(&call, state.name, &mut long);
            wire.send(greeting).await;
        }
    }
}

/// What a greeter answers: its name and the text, or text of the length asked for,
/// which is made once.
fn greeting(call: &Frame, name: &str, long: &mut Option<(String, Frame)>) -> Vec<u8> {
    let text = call.text();
    let Some(length) = text.strip_prefix("long ") else {
        return answer(call, &format!("{name}: {text}"));
    };
    match long {
        Some((known, answer)) if *known == text => answer.with_id(call.id()).0,
        _ => {
            let length = length.parse().expect("a length");
            let answer = answer(call, &"x".repeat(length));
            *long = Some((text, Frame(answer.clone())));
            answer
        }
    }
}
