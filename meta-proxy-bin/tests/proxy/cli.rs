//! What is wrong with a command line is said, with the argument and its value.

use std::net::TcpListener;

use crate::{program::Program, toy::loopback};

const GOOD: [&str; 7] = [
    "quick",
    "--protocol",
    "thrift",
    "--listen",
    "127.0.0.1:0",
    "--upstream",
    "127.0.0.1:1",
];

fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let program = Program::start(arguments);
    assert_eq!(program.lines(), [""; 0], "{arguments:?}");
    let (ended, errors) = program.end();
    assert_eq!(ended, Some(code), "{arguments:?}: {errors}");
    for part in parts {
        assert!(errors.contains(part), "{arguments:?}: {part:?} in {errors}");
    }
}

/// As the good one, but for one argument.
fn but(name: &str, value: &str, code: i32, parts: &[&str]) {
    let mut arguments = GOOD.to_vec();
    match arguments.iter().position(|argument| *argument == name) {
        Some(at) => arguments[at + 1] = value,
        None => arguments.extend([name, value]),
    }
    fails(&arguments, code, parts);
}

#[test]
fn values_that_cannot_be_understood() {
    but(
        "--protocol",
        "x",
        2,
        &["--protocol x", "aeraki.meta_protocol.codec.thrift"],
    );
    but(
        "--listen",
        "nowhere",
        2,
        &["--listen", "'nowhere'", "IP:PORT"],
    );
    but(
        "--listen",
        "127.0.0.1:99999",
        2,
        &["--listen", "'127.0.0.1:99999'", "no port"],
    );
    but("--upstream", "", 2, &["--upstream", "IP:PORT"]);
    but(
        "--upstream",
        "127.0.0.1:1,[::1",
        2,
        &["--upstream", "'[::1'"],
    );
    but("--admin", "on", 2, &["--admin", "'on'", "IP:PORT or off"]);
    but("--concurrency", "0", 2, &["--concurrency", "'0'"]);
    but("--log-level", "a=b=c", 2, &["--log-level", "'a=b=c'"]);
    but("--drain-time-s", "1s", 2, &["--drain-time-s", "'1s'"]);
    but(
        "--codec-config",
        "{",
        2,
        &["--codec-config", "'{'", "line 1"],
    );
    but(
        "--codec-config",
        r#"{"oneway_methods":[1]}"#,
        2,
        &[
            "--codec-config",
            "oneway_methods[0]: invalid type: integer `1`",
        ],
    );
    but(
        "--codec-config",
        r#"{"no":1}"#,
        2,
        &["--codec-config", "no: unknown field `no`"],
    );
}

#[test]
fn arguments_that_are_missing() {
    fails(&[], 2, &["Usage: meta-proxy"]);
    fails(&GOOD[..5], 2, &["--upstream <ADDRESS>"]);
    fails(&["fast"], 2, &["'fast'"]);
}

#[test]
fn addresses_that_cannot_be_had() {
    let taken = TcpListener::bind(loopback()).expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let in_use = "another socket has this address";
    but("--listen", &address, 1, &["--listen", &address, in_use]);
    but("--admin", &address, 1, &["--admin", &address, in_use]);
    // An address of a network for documentation, which nobody has.
    but(
        "--listen",
        "192.0.2.1:1",
        1,
        &["--listen 192.0.2.1:1", "assign"],
    );
    but(
        "--listen",
        "unix:/nowhere/at/all",
        1,
        &["--listen unix:/nowhere/at/all"],
    );
}

#[test]
fn help_and_version_are_no_errors() {
    for argument in ["--help", "--version"] {
        let program = Program::start(&[argument]);
        let lines = program.lines();
        assert!(
            lines.iter().any(|line| line.contains("meta-proxy")),
            "{lines:?}"
        );
        assert_eq!(program.end(), (Some(0), String::new()));
    }
}

#[test]
fn access_logs_that_cannot_be() {
    let format = "%OPERATION% %NOPE%";
    let arguments = ["--access-log", "-", "--access-log-format", format];
    let arguments = [&GOOD[..], &arguments].concat();
    let parts = ["--access-log-format", "at byte 12", "unknown operator NOPE"];
    fails(&arguments, 2, &parts);
    but(
        "--access-log",
        "/nowhere/log",
        1,
        &["--access-log", "/nowhere/log", "No such file"],
    );
    but("--access-log-format", "x", 2, &["--access-log <PATH>"]);
}
