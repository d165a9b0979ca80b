//! Thrift as streams really arrive, through a whole proxy and in every form: byte
//! by byte, pipelined, a frame's length alone.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, Parsed, Protocol, Transport},
};
use meta_proxy::meta_core::{Codec, Decoded, Extension, Limits, Role};

use crate::{
    program::Program,
    toy::{PATIENCE, loopback},
};

/// Texts that begin so are answered byte by byte.
const SLOW: &str = "slow";

fn forms() -> Vec<Form> {
    let tt_header = |framed, mux| Transport::TtHeader { framed, mux };
    let with_headers = [
        Form::new(Transport::Header, Protocol::Binary),
        Form::new(Transport::Header, Protocol::Compact),
        Form::new(tt_header(false, false), Protocol::Binary),
        Form::new(tt_header(true, false), Protocol::Binary),
        Form::new(tt_header(true, true), Protocol::Binary),
    ];
    [&Form::ALL[..], &with_headers].concat()
}

/// One end of a connection: whole messages in, bytes out.
struct Peer {
    stream: TcpStream,
    codec: Box<dyn Codec>,
    src: BytesMut,
}

impl Peer {
    fn new(stream: TcpStream, role: Role) -> Self {
        stream.set_nodelay(true).expect("it is TCP");
        let patience = stream.set_read_timeout(Some(PATIENCE));
        patience.expect("it is not 0");
        let config = ThriftConfig::default();
        let factory = Thrift.configure(config).expect("a good configuration");
        Self {
            stream,
            codec: factory.codec(role, &Limits::default()),
            src: BytesMut::new(),
        }
    }

    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        Self::new(stream, Role::Upstream)
    }

    fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("it is open")
    }

    /// The next message; `None` where the connection has ended.
    fn message(&mut self) -> Option<Parsed> {
        loop {
            if !self.src.is_empty() {
                match self.codec.decode(&mut self.src).expect("it is Thrift") {
                    Decoded::Message(message) => return Parsed::read(&message.frame),
                    Decoded::Need(_) => {}
                }
            }
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.src.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// Sends `bytes` one by one; the first of them surely alone.
    fn dribble(&mut self, bytes: &[u8]) {
        for (n, byte) in bytes.iter().enumerate() {
            self.stream.write_all(&[*byte]).expect("it listens");
            if n < 16 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Starts a server that answers with what it was told.
fn echo() -> SocketAddr {
    let socket = TcpListener::bind(loopback()).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in socket.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(Peer::new(stream, Role::Downstream)));
        }
    });
    address
}

fn serve(mut peer: Peer) {
    while let Some(call) = peer.message() {
        let text = call.string(1).unwrap_or_default();
        let mut reply = MessageBuilder::reply(call.form, call.name.as_str())
            .seqid(call.seqid)
            .string(0, text);
        if let Some(id) = call.header_id {
            reply = reply.header_id(id);
        }
        match text.starts_with(SLOW) {
            true => peer.dribble(&reply.build()),
            false => peer.stream.write_all(&reply.build()).unwrap_or_default(),
        }
    }
}

/// Starts a proxy before `upstream`; it ends when dropped.
fn proxy(upstream: SocketAddr) -> (Program, SocketAddr) {
    let upstream = upstream.to_string();
    let arguments = ["quick", "--protocol", "thrift", "--listen", "127.0.0.1:0"];
    let program = Program::start(&[&arguments[..], &["--upstream", &upstream]].concat());
    let address = program.address("listening on ");
    (program, address)
}

fn call(form: Form, seqid: i32, text: &str) -> Vec<u8> {
    let call = MessageBuilder::call(form, "Echo:say").seqid(seqid);
    call.string(1, text).int(2, seqid).build()
}

#[test]
fn calls_and_replies_may_come_byte_by_byte() {
    let (_program, address) = proxy(echo());
    for form in forms() {
        let mut client = Peer::connect(address);
        for seqid in [1, 300, 70_000] {
            let text = format!("{SLOW} \"]}}\\ {form} {seqid}");
            client.dribble(&call(form, seqid, &text));
            let reply = client.message();
            let reply = reply.unwrap_or_else(|| panic!("no reply to {form}"));
            assert_eq!(
                (reply.form, reply.seqid, reply.string(0)),
                (form, seqid, Some(&*text))
            );
        }
    }
}

#[test]
fn pipelined_calls_of_any_size_are_told_apart() {
    let (_program, address) = proxy(echo());
    for form in forms() {
        let mut client = Peer::connect(address);
        let mut writer = client.writer();
        let sizes = [0, 1, 100_000, 127, 128, 4096, 70_000, 3, 16 << 10, 1000];
        let texts: HashMap<i32, String> = (1..=40)
            .map(|n| (n, format!("{n}[\"{{").repeat(sizes[n as usize % 10] / 5)))
            .collect();
        let mut bytes: Vec<u8> = Vec::new();
        for seqid in 1..=40 {
            bytes.extend(call(form, seqid, &texts[&seqid]));
        }
        // Pieces that end anywhere; a half of them leave alone.
        let sending = thread::spawn(move || {
            let mut rest = &bytes[..];
            for size in [1, 2, 3, 4, 5, 11, 97, 1009, 30_011, 65_536].iter().cycle() {
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                writer.write_all(piece).expect("it listens");
                rest = behind;
                if rest.is_empty() {
                    return;
                }
                if *size < 10 {
                    thread::sleep(Duration::from_micros(200));
                }
            }
        });
        let mut left = texts.clone();
        while !left.is_empty() {
            let reply = client.message();
            let reply = reply.unwrap_or_else(|| panic!("no reply to {form}"));
            let text = left.remove(&reply.seqid);
            let text = text.unwrap_or_else(|| panic!("another {} in {form}", reply.seqid));
            assert!(reply.string(0) == Some(&*text), "{form} {}", reply.seqid);
            assert_eq!(reply.form, form);
        }
        sending.join().expect("all is sent");
    }
}

#[test]
fn equal_ids_in_flight_are_answered_in_order() {
    let (_program, address) = proxy(echo());
    for form in forms() {
        if matches!(form.transport, Transport::TtHeader { mux: true, .. }) {
            // There ids are what tells calls apart.
            continue;
        }
        let mut client = Peer::connect(address);
        let text = |n: usize| format!("{n}").repeat(1 + n * 50);
        let calls: Vec<u8> = (0..30).flat_map(|n| call(form, 0, &text(n))).collect();
        client.stream.write_all(&calls).expect("it listens");
        for n in 0..30 {
            let reply = client.message();
            let reply = reply.unwrap_or_else(|| panic!("no reply to {form}"));
            assert_eq!(
                (reply.seqid, reply.string(0)),
                (0, Some(&*text(n))),
                "{form}"
            );
        }
    }
}

#[test]
fn a_long_unframed_list_is_not_read_in_small_pieces() {
    // Nothing tells its length: were the buffer to grow by what is known to be
    // missing, each read would bring a byte.
    let (_program, address) = proxy(echo());
    for protocol in [Protocol::Binary, Protocol::Compact, Protocol::Json] {
        let form = Form::new(Transport::Unframed, protocol);
        let fields = (3..30_000).fold(
            MessageBuilder::call(form, "say").seqid(5).string(1, "long"),
            |call, id| call.string(id, "a field of many, and all have to be looked at"),
        );
        let mut client = Peer::connect(address);
        let mut writer = client.writer();
        let sending = thread::spawn(move || writer.write_all(&fields.build()));
        let reply = client.message().expect("a reply");
        assert_eq!((reply.seqid, reply.string(0)), (5, Some("long")));
        sending.join().expect("no panic").expect("all is sent");
    }
}

#[test]
fn an_error_reaches_a_json_client_as_an_exception() {
    let nobody = TcpListener::bind(loopback()).expect("a free port");
    let upstream = nobody.local_addr().expect("it is bound");
    drop(nobody);
    let (_program, address) = proxy(upstream);
    let mut client = Peer::connect(address);
    let form = Form::new(Transport::Unframed, Protocol::Json);
    for seqid in [7, -8] {
        client.dribble(&call(form, seqid, "anyone?"));
        let reply = client.message().expect("an answer");
        assert_eq!(
            (reply.form, reply.seqid, &*reply.name),
            (form, seqid, "say")
        );
        let (number, text) = reply.exception().expect("an exception");
        assert_eq!(number, 6);
        assert!(text.starts_with("upstream_connect_failure"), "{text}");
    }
}
