//! Buffers between non-blocking sockets and whole frames.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::Result;

use crate::protocol::Protocol;

/// First size of a connection's read buffer; it grows when filled.
const FIRST_SIZE: usize = 4 << 10;
/// Sent bytes are cut off the front of a write buffer from this many on.
const TRIM: usize = 1 << 20;

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The buffer is full and there may be more to read.
    More,
    /// The socket has nothing more for now.
    Drained,
    /// The peer has closed its side.
    Closed,
}

/// Bytes received and not yet used.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// The bytes received.
    pub(crate) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Forgets the first `len` bytes.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads once.
    ///
    /// A read that leaves room in the buffer has emptied the socket, so no
    /// second read is spent on being told so.
    pub(crate) fn fill(&mut self, stream: &mut impl Read) -> io::Result<Fill> {
        if self.end == self.buffer.len() {
            self.make_room();
        }
        loop {
            let room = &mut self.buffer[self.end..];
            match stream.read(room) {
                Ok(0) => return Ok(Fill::Closed),
                Ok(read) => {
                    let more = read == room.len();
                    self.end += read;
                    return Ok(if more { Fill::More } else { Fill::Drained });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Fill::Drained),
                Err(error) => return Err(error),
            }
        }
    }

    /// The length of the frame in front, if all of it is there.
    pub(crate) fn frame(&mut self, protocol: &dyn Protocol) -> Result<Option<usize>> {
        match protocol.frame_len(self.data())? {
            Some(len) if len <= self.data().len() => Ok(Some(len)),
            Some(len) => {
                if self.start + len > self.buffer.len() {
                    self.compact();
                    self.buffer.resize(self.buffer.len().max(len), 0);
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn make_room(&mut self) {
        if self.start > self.buffer.len() / 2 {
            self.compact();
        } else {
            let size = (self.buffer.len() * 2).max(FIRST_SIZE);
            self.buffer.resize(size, 0);
        }
    }

    fn compact(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }
}

/// Bytes to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    buffer: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// The buffer to append to.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// How many bytes still wait.
    pub(crate) fn waiting(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// Writes as much as the socket takes, what the stream itself holds included.
    pub(crate) fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while self.sent < self.buffer.len() {
            match stream.write(&self.buffer[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        match stream.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            flushed => flushed?,
        }
        if self.sent == self.buffer.len() {
            self.buffer.clear();
            self.sent = 0;
        } else if self.sent >= TRIM && self.sent >= self.buffer.len() / 2 {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;
    use crate::protocol;

    #[test]
    fn frames_come_out_whole_however_they_arrive() -> Result<()> {
        protocol::all().into_iter().try_for_each(arrive)
    }

    fn arrive(protocol: &dyn Protocol) -> Result<()> {
        let pattern = Pattern::new(9_000);
        let (mut wire, mut ends) = (Vec::new(), Vec::new());
        for id in 0..20 {
            protocol.write_request(id, &pattern.body(0, id), &mut wire);
            ends.push(wire.len());
        }
        for step in [1, 1_000, 9_001, 50_000, wire.len()] {
            let mut inbox = Inbox::default();
            let (mut seen, mut seen_ends) = (Vec::new(), Vec::new());
            for mut part in wire.chunks(step) {
                while !part.is_empty() {
                    inbox.fill(&mut part)?;
                    while let Some(len) = inbox.frame(protocol)? {
                        seen.extend_from_slice(&inbox.data()[..len]);
                        seen_ends.push(seen.len());
                        inbox.consume(len);
                    }
                }
            }
            assert!(seen == wire && seen_ends == ends, "in steps of {step}");
        }
        Ok(())
    }
}
