//! A byte stream that can be looked at before it is read.
//!
//! Looking leaves the bytes with the system, so that whoever gets the stream finds all
//! of them, and nothing is held for it meanwhile.

use std::{cell::RefCell, io, os::fd::AsFd};

use meta_codec::Transport;
use rustix::net::{RecvFlags, recv};
use tokio::{
    io::{Interest, Ready},
    net::{TcpStream, UnixStream},
};

use super::replay::Replay;
use crate::socket::Stream;

/// The most that can be looked at.
pub(crate) const MAX_LOOK_BYTES: usize = 16 << 10;

thread_local! {
    /// What this thread looks into.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The stream of a connection that has just begun.
pub(crate) enum Inbound {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(Box<Replay>),
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// There is an end before enough was seen.
    #[error("closed by the client")]
    Closed,
    /// As many bytes came as may be looked at, and they were not enough.
    #[error("more than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Inbound {
    /// Has the current runtime watch a stream.
    pub(crate) fn watch(stream: Stream) -> io::Result<Self> {
        Ok(match stream {
            Stream::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream)?),
            Stream::Unix(stream) => Self::Unix(UnixStream::from_std(stream)?),
            Stream::Memory(stream) => Self::Memory(Box::new(Replay::new(stream))),
        })
    }

    /// Looks at what comes, up to `max` bytes, until `judge` has seen enough. It is
    /// shown all there is, from the beginning, each time that there is more.
    ///
    /// Cancellation: [`Inbound::forget_look`] before the stream is read.
    pub(crate) async fn look<V>(
        &mut self,
        max: usize,
        judge: impl FnMut(&[u8]) -> Option<V>,
    ) -> Result<V, LookError> {
        let max = max.min(MAX_LOOK_BYTES);
        match self {
            Self::Tcp(stream) => look_at(stream, max, judge).await,
            Self::Unix(stream) => look_at(stream, max, judge).await,
            Self::Memory(stream) => stream.look(max, judge).await,
        }
    }

    /// Takes away the first `count` bytes, which have been looked at.
    pub(crate) async fn skip(&mut self, count: usize) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => skip_of(stream, count).await,
            Self::Unix(stream) => skip_of(stream, count).await,
            Self::Memory(stream) => {
                stream.skip(count);
                Ok(())
            }
        }
    }

    /// Makes the bytes that an unfinished look has seen news again: a runtime tells of
    /// what comes, not of what is there.
    pub(crate) fn forget_look(self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.into_std()?)?),
            stream @ Self::Memory(_) => stream,
        })
    }
}

/// A socket of the runtime.
trait Socket: AsFd {
    fn ready(&self) -> impl Future<Output = io::Result<Ready>> + Send;
    /// Calls `read`; where it would block, the next [`Socket::ready`] waits for more.
    fn try_read_with<R>(&self, read: impl FnOnce() -> io::Result<R>) -> io::Result<R>;
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>;
}

impl Socket for TcpStream {
    fn ready(&self) -> impl Future<Output = io::Result<Ready>> + Send {
        self.ready(Interest::READABLE)
    }

    fn try_read_with<R>(&self, read: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.try_io(Interest::READABLE, read)
    }

    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_read(buf)
    }
}

impl Socket for UnixStream {
    fn ready(&self) -> impl Future<Output = io::Result<Ready>> + Send {
        self.ready(Interest::READABLE)
    }

    fn try_read_with<R>(&self, read: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.try_io(Interest::READABLE, read)
    }

    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_read(buf)
    }
}

async fn look_at<V>(
    socket: &impl Socket,
    max: usize,
    mut judge: impl FnMut(&[u8]) -> Option<V>,
) -> Result<V, LookError> {
    loop {
        let ready = socket.ready().await?;
        let looked = socket.try_read_with(|| {
            with_scratch(max, |scratch| {
                let (count, _) = recv(socket, &mut scratch[..max], RecvFlags::PEEK)?;
                match judge(&scratch[..count]) {
                    Some(verdict) => Ok(Ok(verdict)),
                    None if count >= max => Ok(Err(LookError::TooLong(max))),
                    None if count == 0 => Ok(Err(LookError::Closed)),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                }
            })
        });
        match looked {
            Ok(verdict) => return verdict,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error.into()),
            // All that will ever come was there.
            Err(_) if ready.is_read_closed() => return Err(LookError::Closed),
            Err(_) => {}
        }
    }
}

async fn skip_of(socket: &impl Socket, mut count: usize) -> io::Result<()> {
    while count > 0 {
        socket.ready().await?;
        let skipped = with_scratch(count.min(MAX_LOOK_BYTES), |scratch| {
            let length = scratch.len().min(count);
            socket.try_read(&mut scratch[..length])
        });
        match skipped {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(skipped) => count = count.saturating_sub(skipped),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lends a buffer of at least this length.
fn with_scratch<R>(length: usize, use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < length {
            scratch.resize(length, 0);
        }
        use_it(scratch)
    })
}

impl From<Inbound> for Box<dyn Transport> {
    fn from(stream: Inbound) -> Self {
        match stream {
            Inbound::Tcp(stream) => Box::new(stream),
            Inbound::Unix(stream) => Box::new(stream),
            Inbound::Memory(stream) => stream,
        }
    }
}
