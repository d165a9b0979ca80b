//! Each request has its line, however it ends.

use std::{fs, path::PathBuf, time::Duration};

use meta_codec_test::toy::Frame;
use meta_proxy::{
    FilterChainConfig, ListenerConfig, Proxy, ProxyBuilder, Running, Snapshot, Workers,
    meta_core::{Address, MessageKind, MetadataMatcher, Route, Rule},
    meta_filters::access_log::{AccessLogConfig, AccessLogSettings, AccessLogs, LogTarget},
    meta_router::{ClusterConfig, RouteEntry, RouteTable},
};

use tokio::net::TcpStream;

use crate::{
    program::Program,
    thrift::server,
    toy::{Client, Server, eventually, loopback, registry, snapshot},
};

const FORMAT: &str = "%REQ(method)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% \
    %CONNECTION_TERMINATION_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %ROUTE_NAME% \
    %UPSTREAM_CLUSTER% %UPSTREAM_HOST%";

/// A file that goes with the test.
pub(crate) struct LogFile(PathBuf);

impl LogFile {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("meta-proxy-log-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&path);
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }

    pub(crate) fn config(&self, format: &str) -> AccessLogConfig {
        AccessLogConfig::new(LogTarget::File(self.0.clone())).text(format)
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) async fn has(&self, expected: &[String]) {
        eventually("all lines", || self.lines().len() >= expected.len()).await;
        assert_eq!(self.lines(), expected);
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A proxy that writes its access logs at once.
pub(crate) fn prompt(snapshot: Snapshot) -> ProxyBuilder {
    let mut settings = AccessLogSettings::default();
    settings.flush_interval = Duration::from_millis(5);
    Proxy::builder(registry())
        .snapshot(snapshot)
        .access_logs(AccessLogs::new(settings))
        .workers(Workers::own(1))
}

async fn start(snapshot: Snapshot) -> Running {
    let builder = prompt(snapshot).listener("in", loopback());
    builder.start().await.expect("it starts")
}

/// The listener's routes: `good`, `gone` to a server that is not there, `lost` to a
/// cluster that is not.
fn routed(server: &Server, gone: Address, log: &LogFile) -> Snapshot {
    let route = |name: &str| {
        let matcher = MetadataMatcher::new("method", Rule::Exact(name.to_owned()));
        let mut route = Route::to_cluster(format!("to-{name}"), name);
        route.timeout = Some(Duration::from_millis(100));
        RouteEntry::new(vec![matcher], route)
    };
    let table = RouteTable::new("test", ["good", "gone", "lost"].map(route).into());
    let mut chain = FilterChainConfig::new("in", "toy", table.expect("destinations"));
    chain.access_log = vec![log.config(FORMAT)];
    Snapshot {
        listeners: vec![ListenerConfig::with_chains("in", vec![chain])],
        clusters: vec![
            server.cluster("good"),
            ClusterConfig::new("gone", vec![gone]),
        ],
    }
}

fn call(kind: MessageKind, method: &str) -> Frame {
    Frame::new(kind, 7, "body").header("method", method)
}

#[tokio::test]
async fn a_line_for_each_kind_of_outcome() {
    let server = Server::start("v1").await;
    let gone = {
        let socket = std::net::TcpListener::bind(loopback()).expect("a free port");
        socket.local_addr().expect("it is bound")
    };
    let log = LogFile::new("outcomes");
    let running = start(routed(&server, gone.into(), &log)).await;
    let mut client = Client::connect(&running).await;
    let (at, request) = (server.address, call(MessageKind::Request, "good"));
    let received = request.encode().len();
    let mut expected = Vec::new();

    client.send(&request).await;
    let sent = client.response().await.expect("an answer").encode().len();
    expected.push(format!(
        "good 0 - via_upstream - {received} {sent} to-good good {at}"
    ));
    log.has(&expected).await;

    for (method, of) in [
        (
            "gone",
            format!("UF upstream_connect_failure to-gone gone {gone}"),
        ),
        ("lost", "NC unknown_cluster to-lost lost -".to_owned()),
        ("none", "NR no_matched_route - - -".to_owned()),
    ] {
        client.send(&call(MessageKind::Request, method)).await;
        let sent = client.response().await.expect("an answer").encode().len();
        let words: Vec<_> = of.splitn(3, ' ').collect();
        expected.push(format!(
            "{method} 1 {} {} - {received} {sent} {}",
            words[0], words[1], words[2]
        ));
        log.has(&expected).await;
    }

    // One-way calls and the beginnings of streams end when they are written.
    client.send(&call(MessageKind::OneWay, "good")).await;
    expected.push(format!(
        "good 0 - via_upstream - {received} 0 to-good good {at}"
    ));
    log.has(&expected).await;

    // A client that closes its side in order still waits for its answer.
    let Some(Address::Ip(address)) = running.handle().addr("in") else {
        panic!("the listener has a TCP address");
    };
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_zero_linger().expect("it is a socket");
    let mut client = Client::over(stream);
    server.hold(true);
    client.send(&request).await;
    let sent = client.response().await.expect("an answer").encode().len();
    expected.push(format!(
        "good 1 UT response_timeout - {received} {sent} to-good good {at}"
    ));
    log.has(&expected).await;

    client.send(&request).await;
    eventually("a request", || {
        let stats = running.handle().stats();
        stats.gauge("meta_protocol.in.request_active") == 1
    })
    .await;
    drop(client);
    expected.push(format!(
        "good 1 DC downstream_remote_disconnect - {received} 0 to-good good {at}"
    ));
    log.has(&expected).await;
    assert_eq!(
        running.handle().stats().counter("access_log.lines_dropped"),
        0
    );
}

#[tokio::test]
async fn a_proxy_that_is_cut_off_tells_of_what_was_under_way() {
    let server = Server::start("v1").await;
    let log = LogFile::new("abort");
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].access_log = vec![
        log.config("%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%"),
        log.config("%PROTOCOL% %DOWNSTREAM_LOCAL_ADDRESS%"),
    ];
    let running = start(snapshot).await;
    server.hold(true);
    let mut client = Client::connect(&running).await;
    client.send(&call(MessageKind::Request, "good")).await;
    eventually("a request", || server.received() == 1).await;
    let address = running.handle().addr("in").expect("it listens");
    running.handle().abort();
    running.stopped().await;
    // Both were there when the end was told.
    assert_eq!(
        log.lines(),
        [
            "proxy_stopped proxy_stopped".to_owned(),
            format!("toy {address}")
        ]
    );
}

#[tokio::test]
async fn a_stream_has_one_line() {
    let server = Server::start("v1").await;
    let log = LogFile::new("stream");
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].access_log = vec![log.config("%RESPONSE_CODE% %REQ(method)%")];
    let running = start(snapshot).await;
    let mut client = Client::connect(&running).await;
    for kind in [
        MessageKind::StreamInit,
        MessageKind::StreamData,
        MessageKind::StreamClose,
    ] {
        client.send(&call(kind, "stream")).await;
    }
    eventually("all frames", || server.received() == 3).await;
    client.call("call").await;
    log.has(&["0 stream".to_owned(), "0 call".to_owned()]).await;
}

#[tokio::test]
async fn bytes_that_cannot_be_read_have_a_line() {
    let server = Server::start("v1").await;
    let log = LogFile::new("junk");
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].access_log =
        vec![log.config("%RESPONSE_CODE_DETAILS% %OPERATION%")];
    let running = start(snapshot).await;
    let Some(Address::Ip(address)) = running.handle().addr("in") else {
        panic!("the listener has a TCP address");
    };
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let junk = [0xff; 64];
    tokio::io::AsyncWriteExt::write_all(&mut stream, &junk)
        .await
        .expect("it reads");
    log.has(&["bad_request -".to_owned()]).await;
}

#[test]
fn the_program_logs_and_rotates() {
    let log = LogFile::new("program");
    let moved = format!("{}.1", log.path());
    let upstream = server("v1").to_string();
    let flags = ["--access-log", log.path(), "--access-log-format"];
    let mut arguments = vec!["quick", "--protocol", "thrift", "--listen", "127.0.0.1:0"];
    arguments.extend(["--upstream", &upstream]);
    arguments.extend(flags);
    arguments.push("%OPERATION% %RESPONSE_CODE% %UPSTREAM_HOST%");
    let program = Program::start(&arguments);
    let mut client = crate::thrift::Client::connect(program.address("listening on "));
    client.call(1, "hello").expect("a reply");
    fs::rename(log.path(), &moved).expect("it is there");
    program.signal("USR1");
    let began = std::time::Instant::now();
    while !log.0.exists() {
        assert!(began.elapsed() < crate::toy::PATIENCE, "no new file");
        std::thread::sleep(Duration::from_millis(5));
    }
    client.call(2, "hello").expect("a reply");
    drop(client);
    program.signal("TERM");
    let (code, errors) = program.end();
    assert_eq!(code, Some(0), "{errors}");
    let line = format!("greet 0 {upstream}");
    assert_eq!(log.lines(), [&*line]);
    let old = fs::read_to_string(&moved).expect("text");
    fs::remove_file(&moved).expect("it is there");
    assert_eq!(old, format!("{line}\n"));
}

#[test]
fn the_program_logs_to_its_output() {
    let upstream = server("v1").to_string();
    let mut arguments = vec!["quick", "--protocol", "thrift", "--listen", "127.0.0.1:0"];
    arguments.extend([
        "--upstream",
        &upstream,
        "--access-log",
        "-",
        "--admin",
        "off",
    ]);
    let program = Program::start(&arguments);
    let mut client = crate::thrift::Client::connect(program.address("listening on "));
    client.call(1, "hello").expect("a reply");
    let line = program.line();
    assert!(
        line.contains("] thrift \"greet\" 0 - via_upstream "),
        "{line}"
    );
    assert!(line.ends_with(" - quick"), "{line}");
}
