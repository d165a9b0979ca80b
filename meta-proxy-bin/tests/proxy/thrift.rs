//! Thrift over blocking sockets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use codec_thrift::wire::{Form, MessageBuilder, Parsed, Protocol, Transport};

use crate::toy::{PATIENCE, loopback};

/// Starts a server for as long as the process lives; it greets by its name.
pub(crate) fn server(name: &'static str) -> SocketAddr {
    let socket = TcpListener::bind(loopback()).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in socket.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream, name));
        }
    });
    address
}

fn serve(mut stream: TcpStream, name: &str) {
    while let Some(call) = read(&mut stream) {
        let greeting = format!("{} from {name}", call.string(1).unwrap_or_default());
        let reply = MessageBuilder::reply(call.form, call.name.as_str())
            .seqid(call.seqid)
            .string(0, &greeting);
        if stream.write_all(&reply.build()).is_err() {
            return;
        }
    }
}

/// The next message of a connection, framed or with a header.
pub(crate) fn read(stream: &mut impl Read) -> Option<Parsed> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame).ok()?;
    let length = u32::from_be_bytes(*frame.first_chunk()?) as usize;
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..]).ok()?;
    Parsed::read(&frame)
}

pub(crate) struct Client<S = TcpStream>(S);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is not 0");
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    /// One that talks over `stream`.
    pub(crate) fn over(stream: S) -> Self {
        Self(stream)
    }

    /// Waits until the proxy closes the connection.
    pub(crate) fn wait_for_end(&mut self) {
        let count = self.0.read(&mut [0]).expect("it closes in order");
        assert_eq!(count, 0, "nothing is under way");
    }

    /// Sends a call.
    pub(crate) fn send(&mut self, seqid: i32, text: &str) {
        let form = Form::new(Transport::Framed, Protocol::Binary);
        let call = MessageBuilder::call(form, "greet")
            .seqid(seqid)
            .string(1, text);
        // The proxy may be gone; then there will be no reply.
        let _ = self.0.write_all(&call.build());
    }

    /// The next reply; `None` where the connection has ended.
    pub(crate) fn reply(&mut self) -> Option<Parsed> {
        read(&mut self.0)
    }

    /// The reply to a call; `None` where the connection has ended.
    pub(crate) fn call(&mut self, seqid: i32, text: &str) -> Option<Parsed> {
        self.send(seqid, text);
        let reply = self.reply()?;
        assert_eq!((reply.name.as_str(), reply.seqid), ("greet", seqid));
        Some(reply)
    }
}
