//! A provider that answers once, twice, late or not at all, calls back, hangs up
//! and goes away, as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use codec_dubbo::wire::{Call, ping, readonly};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::wire::{Message, Wire, call, text};

/// How long it is there, and how long it is away.
const UP: Duration = Duration::from_millis(300);
const DOWN: Duration = Duration::from_millis(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    longest: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// What it does at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Up,
    /// It says so, and serves on for a while.
    ReadOnly,
    Down,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let socket = TcpListener::bind(loopback()).await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let longest = Arc::new(AtomicUsize::new(0));
        let mood = Arc::new(watch::Sender::new(Mood::Up));
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (mood, longest) = (mood.clone(), longest.clone());
            async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = socket.accept().await {
                    while connections.try_join_next().is_some() {}
                    connections.spawn(serve(stream, mood.subscribe(), longest.clone()));
                }
            }
        });
        // Its socket stays, or another would get its port.
        tasks.spawn(async move {
            for in_order in [true, false].into_iter().cycle() {
                sleep(UP).await;
                if in_order {
                    mood.send_replace(Mood::ReadOnly);
                    sleep(DOWN).await;
                }
                mood.send_replace(Mood::Down);
                sleep(DOWN).await;
                mood.send_replace(Mood::Up);
            }
        });
        Self {
            address,
            longest,
            _tasks: tasks,
        }
    }

    /// The longest argument it has seen.
    pub(crate) fn longest(&self) -> usize {
        self.longest.load(Relaxed)
    }
}

/// Serves until the provider goes away; then resets the connection.
async fn serve(stream: TcpStream, mut mood: watch::Receiver<Mood>, longest: Arc<AtomicUsize>) {
    let mut wire = Wire::new(stream);
    loop {
        let before = *mood.borrow_and_update();
        if before == Mood::Down {
            let _ = wire.stream.set_zero_linger();
            return;
        }
        if before == Mood::ReadOnly {
            wire.send(&readonly()).await;
        }
        tokio::select! {
            _ = mood.changed() => {}
            () = answer(&mut wire, &longest) => return,
        }
    }
}

async fn answer(wire: &mut Wire, longest: &AtomicUsize) {
    let mut late = Vec::new();
    while let Some(message) = wire.receive().await {
        let Message::Call(call) = message else {
            continue;
        };
        longest.fetch_max(text(&call).len(), Relaxed);
        match call.method.as_str() {
            "hang_up" => return,
            "silent" => continue,
            "slow" => sleep(Duration::from_millis(10)).await,
            // Mostly when their callers have given up.
            "late" if late.len() < 3 => {
                late.push(call);
                continue;
            }
            "late" => {
                for call in late.drain(..) {
                    wire.answer_to(&call).await;
                }
            }
            "twice" => wire.answer_to(&call).await,
            "beat" => wire.send(&ping(call.id)).await,
            "call_back" => call_back(wire, &call).await,
            _ => {}
        }
        wire.answer_to(&call).await;
    }
}

/// Calls back under the ids of the client's own calls.
async fn call_back(wire: &mut Wire, request: &Call) {
    for id in 0..4 {
        let call = call("changed", id, text(request));
        let call = if id == 3 { call.one_way() } else { call };
        wire.send(&call.build()).await;
    }
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
