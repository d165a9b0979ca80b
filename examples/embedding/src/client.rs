//! A client of Parcel.

use std::io;

use bytes::BytesMut;
use codec_parcel::wire::{Frame, Kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One connection, over whatever carries bytes.
#[derive(Debug)]
pub struct Client<T> {
    stream: T,
    read: BytesMut,
    last_id: u32,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    /// A client on this connection.
    pub fn over(stream: T) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
            last_id: 0,
        }
    }

    /// Calls `hello` for a tenant; returns what the answer says, be it good or bad.
    ///
    /// # Errors
    ///
    /// Where the connection ends before the answer comes.
    pub async fn hello(&mut self, tenant: &str) -> io::Result<String> {
        self.last_id += 1;
        let call = Frame::call(self.last_id, "Greeter", "hello").header("tenant", tenant);
        self.stream.write_all(&call.build()).await?;
        loop {
            let frame = self.next().await?;
            if frame.id == self.last_id && matches!(frame.kind, Kind::Result | Kind::Error) {
                return Ok(String::from_utf8_lossy(&frame.body).into_owned());
            }
        }
    }

    /// The next frame of whatever kind.
    ///
    /// # Errors
    ///
    /// Where the connection ends before it comes.
    pub async fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.read) {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
