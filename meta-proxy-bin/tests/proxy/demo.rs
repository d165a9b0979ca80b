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

#[test]
fn it_shows_a_canary_and_ends() {
    let program = Program::start(&["demo"]);
    let (lines, _) = lines_and_admin(&program);
    let answers: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("say"))
        .collect();
    assert_eq!(answers.len(), 36);
    for answer in &answers {
        let version = answer.rsplit(' ').next().expect("a version");
        let allowed = match answer.split('(').next() {
            Some("sayHello") => &["v1", "v2"][..],
            Some("sayHelloBeta") => &["v2"],
            _ => &["v1"],
        };
        assert!(allowed.contains(&version), "{answer}");
    }
    let hello = answers
        .iter()
        .find(|line| line.starts_with("sayHello(\"Ada\")"));
    let hello = hello.expect("Ada is greeted");
    assert!(
        hello.starts_with("sayHello(\"Ada\") -> hello Ada from v"),
        "{hello}"
    );
    let v2 = answers.iter().filter(|line| line.ends_with("v2")).count();
    let summary = format!("36 calls: v1 {} v2 {v2}", 36 - v2);
    assert!(lines.contains(&summary), "{summary} in {lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("latency: p50 ")),
        "{lines:?}"
    );
    assert_eq!(program.end(), (Some(0), String::new()));
}

#[test]
fn it_stays_where_it_is_told_to() {
    let program = Program::start(&["demo", "--keep"]);
    let (_, admin) = lines_and_admin(&program);
    assert_eq!(get(admin, "/ready").body, "LIVE\n");
    let stats = get(admin, "/stats").body;
    assert!(
        stats.contains("\nmeta_protocol.demo.request: 36\n"),
        "{stats}"
    );
    program.signal("INT");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
}
