//! A Thrift server that greets.

use std::{io, net::SocketAddr};

use codec_thrift::wire::{MessageBuilder, MessageType, Parsed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The longest message that is read here.
const MAX_BYTES: usize = 1 << 20;

/// A server on a port of its own; stops when dropped.
pub(super) struct Server {
    version: &'static str,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(version: &'static str) -> io::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                connections.spawn(serve(stream, version));
            }
        });
        Ok(Self {
            version,
            address,
            _tasks: tasks,
        })
    }

    pub(super) fn version(&self) -> &'static str {
        self.version
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers until the client is gone.
async fn serve(mut stream: TcpStream, version: &str) {
    while let Ok(call) = read_frame(&mut stream).await {
        let Some(answer) = Parsed::read(&call).map(|call| answer(&call, version)) else {
            return;
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn answer(call: &Parsed, version: &str) -> Vec<u8> {
    let name = call.string(1).unwrap_or("stranger");
    let greeting = match call.name.as_str() {
        "sayHello" => "hello",
        "sayHelloBeta" => "hello (beta)",
        "sayGoodbye" => "goodbye",
        other => {
            // Unknown method, as Thrift's servers say it.
            return MessageBuilder::new(call.form, MessageType::Exception, other)
                .seqid(call.seqid)
                .string(1, "unknown method")
                .int(2, 1)
                .build();
        }
    };
    MessageBuilder::reply(call.form, call.name.as_str())
        .seqid(call.seqid)
        .string(0, &format!("{greeting} {name} from {version}"))
        .build()
}

/// Reads a framed message, its length bytes included.
pub(super) async fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame).await?;
    let length = frame
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length > MAX_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    frame.resize(4 + length, 0);
    let (_, body) = frame.split_at_mut(4);
    stream.read_exact(body).await?;
    Ok(frame)
}
