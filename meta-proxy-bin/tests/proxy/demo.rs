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

/// Checks what is said of an update of routes: the lines from there on.
fn check_live(lines: &[String]) {
    let at = |begin: &str| {
        let mut lines = lines.iter();
        lines.position(|line| line.starts_with(begin)).expect(begin)
    };
    let (first, second) = (
        at("version 1 of the routes:"),
        at("version 2 of the routes "),
    );
    let answers = |lines: &[String]| {
        let answers = lines.iter().filter(|line| line.starts_with("say")).cloned();
        answers.collect::<Vec<_>>()
    };
    let before = answers(&lines[first..second]);
    let expected =
        ["Ada", "Grace", "Linus"].map(|name| format!("sayHello({name:?}) -> hello {name} from v1"));
    assert_eq!(before, expected);
    let after = answers(&lines[second..]);
    assert_eq!(after.len(), 3, "{lines:?}");
    let (answer, delay) = after[0].split_once(", ").expect("when it came");
    assert!(answer.ends_with(" from v2"), "{answer}");
    let delay = delay.strip_suffix(" ms after the push").expect("a delay");
    assert!(delay.parse::<f64>().expect("a number") > 0.0);
    assert!(after[1..].iter().all(|answer| answer.ends_with(" from v2")));
    let meanwhile = &lines[at("calls until it is in force: ")];
    let (_, meanwhile) = meanwhile.split_once(": ").expect("a count");
    let meanwhile = meanwhile.strip_suffix(" to v1").expect("whose they are");
    let meanwhile: usize = meanwhile.parse().expect("a number");
    let (calls, v1) = (6 + meanwhile, 3 + meanwhile);
    let summary = format!("live, on the same connection: {calls} calls: v1 {v1} v2 3");
    assert!(lines.contains(&summary), "{summary} in {lines:?}");
}

#[test]
fn it_shows_a_canary_of_each_protocol_and_a_live_update_and_ends() {
    let program = Program::start(&["demo"]);
    let (lines, _) = lines_and_admin(&program);
    let begin = "control plane (RDS) on 127.0.0.1:";
    let mut all = lines.iter();
    let live = all.position(|line| line.starts_with(begin)).expect(begin);
    let (canaries, live) = lines.split_at(live);
    let answers = canaries.iter().filter(|line| line.starts_with("say"));
    let answers: Vec<_> = answers.collect();
    let (dubbo, thrift) = answers.split_at(36);
    check("dubbo", dubbo, canaries);
    check("thrift", thrift, canaries);
    check_live(live);
    let latencies = lines
        .iter()
        .filter(|line| line.starts_with("latency: p50 "));
    assert_eq!(latencies.count(), 3, "{lines:?}");
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
    for line in [
        "listener_manager.total_listeners_active: 3\n",
        "meta_protocol.live.rds.live.config_reload: 2\n",
        // One client, one connection.
        "meta_protocol.live.downstream_cx_total: 1\n",
    ] {
        assert!(stats.contains(line), "{line} in {stats}");
    }
    program.signal("INT");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
}
