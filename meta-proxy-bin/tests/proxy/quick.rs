//! `meta-proxy quick`, from its first line to its end.

use std::{net::SocketAddr, process::Command, thread, time::Duration};

use crate::{
    http::get,
    program::Program,
    thrift::{Client, server},
};

fn start(upstream: &str, more: &[&str]) -> Program {
    let mut arguments = vec!["quick", "--protocol", "thrift", "--listen", "127.0.0.1:0"];
    arguments.extend(["--upstream", upstream]);
    arguments.extend(more);
    Program::start(&arguments)
}

fn greeting(client: &mut Client, seqid: i32) -> String {
    let reply = client.call(seqid, "hello").expect("a reply");
    reply.string(0).expect("a greeting").to_owned()
}

#[test]
fn it_serves_until_it_is_told_to_end() {
    let upstream = format!("{},{}", server("v1"), server("v2"));
    for (flags, signal) in [(&[][..], "TERM"), (&["--multiplexing", "--pin"][..], "INT")] {
        let program = start(&upstream, flags);
        let address = program.address("listening on ");
        let admin = program.address("admin on http://");
        assert_eq!(get(admin, "/ready").status, 200);
        let mut client = Client::connect(address);
        let mut greetings: Vec<_> = (1..=4).map(|n| greeting(&mut client, n)).collect();
        greetings.sort();
        let (v1, v2) = ("hello from v1", "hello from v2");
        assert_eq!(greetings, [v1, v1, v2, v2]);
        let stats = get(admin, "/stats").body;
        assert!(
            stats.contains("\nmeta_protocol.quick.request: 4\n"),
            "{stats}"
        );
        assert!(
            stats.contains("\ncluster.quick.upstream_rq_total: 4\n"),
            "{stats}"
        );
        program.signal(signal);
        client.wait_for_end();
        drop(client);
        assert_eq!(program.lines(), [""; 0], "one line each, and no more");
        let (code, log) = program.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(
            log.contains("drained: 1 connections closed, 0 aborted"),
            "{log}"
        );
    }
}

#[test]
fn the_admin_can_be_off() {
    let program = start(
        &server("v1").to_string(),
        &["--admin", "off", "--log-level", "off"],
    );
    program.address("listening on ");
    program.signal("TERM");
    assert_eq!(program.lines(), [""; 0]);
    assert_eq!(program.end(), (Some(0), String::new()));
}

#[test]
fn an_upstream_that_is_not_there_is_named_to_the_client() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let upstream = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let program = start(&upstream, &[]);
    let mut client = Client::connect(program.address("listening on "));
    let reply = client.call(1, "hello").expect("a reply");
    let (_, text) = reply.exception().expect("an exception");
    assert!(
        text.contains(&upstream) && text.contains("cluster quick"),
        "{text}"
    );
    assert!(client.call(2, "hello").is_some(), "the connection stays");
}

#[test]
fn a_request_over_the_limit_is_answered_and_not_sent_on() {
    let upstream = server("v1").to_string();
    for sharing in [&[][..], &["--multiplexing"]] {
        let mut flags = vec!["--codec-config", r#"{"max_message_bytes":1000}"#];
        flags.extend(sharing);
        let program = start(&upstream, &flags);
        let mut client = Client::connect(program.address("listening on "));
        let admin = program.address("admin on http://");
        let reply = client.call(1, &"x".repeat(2000)).expect("a reply");
        let (_, text) = reply.exception().expect("an exception");
        assert!(text.starts_with("message_too_large"), "{text}");
        let sent = |count: u32| {
            let stats = get(admin, "/stats?filter=upstream_rq_total").body;
            assert_eq!(stats, format!("cluster.quick.upstream_rq_total: {count}\n"));
        };
        sent(0);
        assert_eq!(greeting(&mut client, 2), "hello from v1");
        sent(1);
    }
}

/// A server that accepts and never answers.
fn silent_server() -> (std::net::TcpListener, SocketAddr) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

#[test]
fn a_request_is_given_its_time() {
    let (_socket, upstream) = silent_server();
    let flags = ["--request-timeout-ms", "50", "--idle-timeout-ms", "200"];
    let program = start(&upstream.to_string(), &flags);
    let mut client = Client::connect(program.address("listening on "));
    let reply = client.call(1, "hello").expect("a reply");
    let (_, text) = reply.exception().expect("an exception");
    assert!(text.contains("response_timeout"), "{text}");
    client.wait_for_end();
}

#[test]
fn the_drain_has_a_deadline_and_a_second_signal_ends_it() {
    let (_socket, upstream) = silent_server();
    for (drain_time, signals, code) in [("0", 1, 0), ("600", 2, 1)] {
        let program = start(&upstream.to_string(), &["--drain-time-s", drain_time]);
        let address = program.address("listening on ");
        let admin = program.address("admin on http://");
        let called = thread::spawn(move || Client::connect(address).call(1, "hello"));
        while !get(admin, "/stats")
            .body
            .contains("\nmeta_protocol.quick.request_active: 1\n")
        {
            thread::sleep(Duration::from_millis(5));
        }
        program.signal("TERM");
        if signals == 2 {
            while get(admin, "/ready").body != "DRAINING\n" {
                thread::sleep(Duration::from_millis(5));
            }
            program.signal("TERM");
        }
        let (ended, log) = program.end();
        assert_eq!(ended, Some(code), "{log}");
        assert!(log.contains("0 connections closed, 1 aborted"), "{log}");
        assert!(called.join().expect("no panic").is_none());
    }
}

#[test]
fn it_survives_running_out_of_files() {
    let upstream = server("v1").to_string();
    let mut command = Command::new("sh");
    let script = "ulimit -n 40; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_meta-proxy")]);
    command.args(["quick", "--protocol", "thrift", "--listen", "127.0.0.1:0"]);
    command.args(["--upstream", &upstream, "--concurrency", "1"]);
    let program = Program::spawn(command);
    let address = program.address("listening on ");
    let admin = program.address("admin on http://");
    let mut first = Client::connect(address);
    assert_eq!(greeting(&mut first, 1), "hello from v1");
    let crowd: Vec<_> = (0..60).map(|_| Client::connect(address)).collect();
    program.wait_for_log("cannot accept connections");
    assert_eq!(greeting(&mut first, 2), "hello from v1");
    drop(crowd);
    assert_eq!(greeting(&mut Client::connect(address), 3), "hello from v1");
    let stats = get(admin, "/stats?filter=accept_error").body;
    let (_, errors) = stats.trim().split_once(": ").expect("a name and a value");
    let errors: u32 = errors.parse().expect("a number");
    assert!(
        (1..20).contains(&errors),
        "{errors} errors: it neither fails nor spins"
    );
    program.signal("TERM");
    drop(first);
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn it_listens_on_a_unix_socket() {
    use std::{io::Write, os::unix::net::UnixStream};

    let path = std::env::temp_dir().join(format!("meta-proxy-quick-{}", std::process::id()));
    let listen = format!("unix:{}", path.display());
    let upstream = server("v1").to_string();
    let arguments = [
        "quick",
        "--protocol",
        "thrift",
        "--listen",
        &listen,
        "--upstream",
        &upstream,
    ];
    let program = Program::start(&arguments);
    assert_eq!(program.line(), format!("listening on {listen}"));
    let mut stream = UnixStream::connect(&path).expect("it listens");
    stream.write_all(b"not Thrift").expect("it reads");
    drop(stream);
    program.signal("TERM");
    assert_eq!(program.end().0, Some(0));
    assert!(!path.exists());
}
