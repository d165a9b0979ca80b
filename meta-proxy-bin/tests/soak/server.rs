//! A server that answers, does not answer, hangs up and goes away, as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use codec_thrift::wire::{MessageBuilder, MessageType};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::wire::Wire;

/// How long it is there, and how long it is away.
const UP: Duration = Duration::from_millis(300);
const DOWN: Duration = Duration::from_millis(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    longest: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let socket = TcpListener::bind(loopback()).await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let longest = Arc::new(AtomicUsize::new(0));
        let up = Arc::new(watch::Sender::new(true));
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (up, longest) = (up.clone(), longest.clone());
            async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = socket.accept().await {
                    while connections.try_join_next().is_some() {}
                    connections.spawn(serve(stream, up.subscribe(), longest.clone()));
                }
            }
        });
        // Its socket stays, or another would get its port.
        tasks.spawn(async move {
            loop {
                sleep(UP).await;
                up.send_replace(false);
                sleep(DOWN).await;
                up.send_replace(true);
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

/// Serves until the server goes away; then resets the connection.
async fn serve(stream: TcpStream, mut up: watch::Receiver<bool>, longest: Arc<AtomicUsize>) {
    let mut wire = Wire::new(stream);
    let ended = tokio::select! {
        _ = up.wait_for(|up| !up) => false,
        () = answer(&mut wire, &longest) => true,
    };
    if !ended {
        let _ = wire.stream.set_zero_linger();
    }
}

async fn answer(wire: &mut Wire, longest: &AtomicUsize) {
    while let Some(call) = wire.receive().await {
        let text = call.string(1).unwrap_or_default();
        longest.fetch_max(text.len(), Relaxed);
        match call.name.as_str() {
            "hang_up" => return,
            "silent" => continue,
            "slow" => sleep(Duration::from_millis(10)).await,
            _ => {}
        }
        if call.kind == MessageType::Call {
            let reply = MessageBuilder::reply(call.form, &*call.name);
            wire.send(&reply.seqid(call.seqid).string(0, text).build())
                .await;
        }
    }
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
