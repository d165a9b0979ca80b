//! The program as a child process, between a client and a server of Parcel.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use bytes::BytesMut;
use codec_parcel::wire::{Frame, Kind};

/// What a test waits at most for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// One end of a Parcel connection.
struct Peer {
    stream: TcpStream,
    read: BytesMut,
}

impl Peer {
    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let read = BytesMut::new();
        Self { stream, read }
    }

    fn send(&mut self, frame: &Frame) {
        self.stream.write_all(&frame.build()).expect("it is read");
    }

    /// The next frame; `None` at the end.
    fn receive(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.read) {
                return Some(frame);
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).expect("bytes in time");
            match bytes.get(..count) {
                Some(bytes @ [_, ..]) => self.read.extend_from_slice(bytes),
                _ => return None,
            }
        }
    }
}

/// Answers each call with what reached it.
fn server() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in socket.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut client = Peer::over(stream);
                while let Some(frame) = client.receive() {
                    let class = frame.get("x-class").unwrap_or("no");
                    let said = format!("{} as {class} class", frame.method().unwrap_or("?"));
                    if frame.kind == Kind::Call {
                        client.send(&Frame::result(frame.id, said));
                    }
                }
            });
        }
    });
    address
}

/// The program; killed when dropped.
struct Program {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_parcel-proxy"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program is there");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, out }
    }

    /// Where it says that it listens.
    fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it says so");
        let address = line.trim_end().strip_prefix("listening on ");
        address
            .and_then(|text| text.parse().ok())
            .expect("an address")
    }

    /// Tells it to end.
    fn end(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status();
        assert!(kill.expect("there is a kill").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn quick_serves_the_codec() {
    let upstream = server().to_string();
    let listen = ["--listen", "127.0.0.1:0", "--admin", "off"];
    let to = ["quick", "--protocol", "parcel", "--upstream", &upstream];
    let mut program = Program::start(&[&to[..], &listen].concat());
    let mut client = Peer::over(TcpStream::connect(program.address()).expect("it listens"));
    client.send(&Frame::call(7, "Greeter", "hello"));
    let answer = client.receive().expect("an answer");
    assert_eq!((answer.kind, answer.id), (Kind::Result, 7));
    assert_eq!(&answer.body[..], b"hello as no class");
    drop(client);
    assert!(program.end().success());
}

/// The file beside the README, with ports of this test's own.
#[test]
fn a_bootstrap_serves_codec_and_filter() {
    let file = include_str!("../parcel.yaml");
    let mut text = file.replace("port_value: 7000", "port_value: 0");
    for port in ["7001", "7002"] {
        let own = format!("port_value: {}", server().port());
        text = text.replace(&format!("port_value: {port}"), &own);
    }
    let mut program = Program::start(&["run", "--config-yaml", &text]);
    let mut client = Peer::over(TcpStream::connect(program.address()).expect("it listens"));
    for (id, tenant, said) in [
        (1, "gold", "hello as first class"),
        (2, "x", "hello as no class"),
    ] {
        let call = Frame::call(id, "Greeter", "hello").header("tenant", tenant);
        client.send(&call);
        let answer = client.receive().expect("an answer");
        assert_eq!((answer.kind, answer.id), (Kind::Result, id));
        assert_eq!(&answer.body[..], said.as_bytes());
    }
    drop(client);
    assert!(program.end().success());
}
