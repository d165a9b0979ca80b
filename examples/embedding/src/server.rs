//! A server of Parcel.

use std::{io, net::SocketAddr};

use bytes::BytesMut;
use codec_parcel::wire::{Frame, Kind};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

/// Serves [`echo`] on a free port of loopback, until the runtime ends.
///
/// # Errors
///
/// Where there is no free port.
pub async fn serve(name: &'static str) -> io::Result<SocketAddr> {
    let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(echo(name, stream));
        }
    });
    Ok(address)
}

/// Answers each call on one connection with the server's own name and the class that
/// the proxy says the caller is of.
pub async fn echo(name: &'static str, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut read = BytesMut::new();
    loop {
        while let Some(frame) = Frame::take(&mut read) {
            let class = frame.get("x-class").unwrap_or("no");
            let answer = match frame.kind {
                Kind::Call => Frame::result(frame.id, format!("{name}, {class} class")),
                Kind::Ping => Frame::new(Kind::Pong, frame.id),
                _ => continue,
            };
            if stream.write_all(&answer.build()).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return;
        }
    }
}
