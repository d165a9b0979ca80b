//! `meta-proxy demo`.

use std::net::SocketAddr;

use crate::{http::get, program::Program};

/// Reads until the admin's address, with the lines before it.
fn lines_and_admin(program: &Program) -> (Vec<String>, SocketAddr) {
    let mut lines = Vec::new();
    loop {
        let line = program.line();
        if let Some(rest) = line.strip_prefix("admin on http://") {
            let address = rest.split(' ').next().expect("an address");
            return (lines, address.parse().expect("an address"));
        }
        lines.push(line);
    }
}

/// Checks the answers to the 36 calls of one protocol.
fn check(protocol: &str, answers: &[&String], lines: &[String]) {
    assert_eq!(answers.len(), 36);
    for answer in answers {
        let version = answer.rsplit(' ').next().expect("a version");
        let canary = answer.starts_with("sayHelloBeta(") || answer.contains("tag canary");
        let allowed = match answer.split('(').next() {
            _ if canary => &["v2"][..],
            Some("sayHello") => &["v1", "v2"],
            _ => &["v1"],
        };
        assert!(allowed.contains(&version), "{answer}");
    }
    let canaries = answers.iter().filter(|line| line.ends_with("v2")).count();
    assert!(canaries >= 3, "{answers:?}");
    let hello = "sayHello(\"Ada\") -> hello Ada from v";
    assert!(answers[0].starts_with(hello), "{}", answers[0]);
    let v1 = 36 - canaries;
    let summary = format!("{protocol}: 36 calls: v1 {v1} v2 {canaries}");
    assert!(lines.contains(&summary), "{summary} in {lines:?}");
}

#[test]
fn it_shows_a_canary_of_each_protocol_and_ends() {
    let program = Program::start(&["demo"]);
    let (lines, _) = lines_and_admin(&program);
    let answers = lines.iter().filter(|line| line.starts_with("say"));
    let answers: Vec<_> = answers.collect();
    let (dubbo, thrift) = answers.split_at(36);
    check("dubbo", dubbo, &lines);
    check("thrift", thrift, &lines);
    let latencies = lines
        .iter()
        .filter(|line| line.starts_with("latency: p50 "));
    assert_eq!(latencies.count(), 2, "{lines:?}");
    assert_eq!(program.end(), (Some(0), String::new()));
}

#[test]
fn it_stays_where_it_is_told_to() {
    let program = Program::start(&["demo", "--keep"]);
    let (_, admin) = lines_and_admin(&program);
    assert_eq!(get(admin, "/ready").body, "LIVE\n");
    let stats = get(admin, "/stats").body;
    for protocol in ["dubbo", "thrift"] {
        let requests = format!("meta_protocol.{protocol}.request: 36\n");
        assert!(stats.contains(&requests), "{stats}");
    }
    program.signal("INT");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
}
