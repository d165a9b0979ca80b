//! `meta-proxy run`, `validate` and `schema`: a proxy by its file.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    http::get,
    program::Program,
    thrift::{Client, server},
};

/// A file that is removed in the end.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("meta-proxy-{}-{count}.yaml", process::id()));
        fs::write(&path, text).expect("it can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("it is UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// `greet` to one server, the rest to the other.
fn bootstrap(greet: SocketAddr, rest: SocketAddr) -> String {
    format!(
        "\
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
    name: greeter
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filterChains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          statPrefix: greetings
          protocol:
            name: thrift
            codec: {{ name: aeraki.meta_protocol.codec.thrift }}
            multiplexing: true
          metaProtocolFilters:
          - name: aeraki.meta_protocol.filters.router
          routeConfig:
            routes:
            - name: greet
              match: {{ metadata: [ {{ name: method, exact_match: greet }} ] }}
              route: {{ cluster: greet }}
            - name: rest
              route: {{ weighted_clusters: {{ clusters: [ {{ name: rest, weight: 3 }} ] }} }}
  clusters:
  - {name_greet}
  - {name_rest}
",
        name_greet = cluster("greet", greet),
        name_rest = cluster("rest", rest),
    )
}

fn cluster(name: &str, address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "{{ name: {name}, type: STATIC, load_assignment: {{ cluster_name: {name}, endpoints: \
         [ {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address: \
         {{ address: {ip}, port_value: {port} }} }} }} }} ] }} ] }} }}"
    )
}

fn ended(arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let program = Program::start(arguments);
    let lines = program.lines();
    let (code, log) = program.end();
    (code, lines, log)
}

#[test]
fn a_file_is_served() {
    let first = bootstrap(server("v1"), server("v2"));
    let second = first.replace("exact_match: greet", "exact_match: other");
    for (text, greeting, cluster) in [
        (first, "hello from v1", "greet"),
        (second, "hello from v2", "rest"),
    ] {
        let file = File::new(&text);
        let program = Program::start(&["run", "-c", file.path(), "--concurrency", "1"]);
        let address = program.address("listening on ");
        let admin = program.address("admin on http://");
        assert_eq!(get(admin, "/ready").status, 200);
        let mut client = Client::connect(address);
        for seqid in 1..=3 {
            let reply = client.call(seqid, "hello").expect("a reply");
            assert_eq!(reply.string(0), Some(greeting));
        }
        let stats = get(admin, "/stats").body;
        for line in [
            "meta_protocol.greetings.request: 3".to_owned(),
            format!("cluster.{cluster}.upstream_rq_total: 3"),
        ] {
            assert!(stats.lines().any(|own| own == line), "{line} in {stats}");
        }
        program.signal("TERM");
        client.wait_for_end();
        drop(client);
        let (code, log) = program.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(
            log.contains("exact_match: this field is deprecated"),
            "{log}"
        );
    }
}

/// Under load, of all requests sent before the signal none is lost; and the end comes
/// with the last of them, long before the deadline.
#[test]
fn a_signal_under_load_loses_nothing() {
    let file = File::new(&bootstrap(server("v1"), server("v2")));
    let arguments = ["--concurrency", "2", "--drain-time-s", "60"];
    let program = Program::start(&[&["run", "-c", file.path()], &arguments[..]].concat());
    let address = program.address("listening on ");
    let answered = Arc::new(AtomicUsize::new(0));
    // Returns when it sent the request that had no answer.
    let client = move |answered: Arc<AtomicUsize>| {
        let mut client = Client::connect(address);
        loop {
            let sent = Instant::now();
            if client.call(7, "hello").is_none() {
                return sent;
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let clients = (0..32).map(|_| {
        let answered = answered.clone();
        thread::spawn(move || client(answered))
    });
    let clients: Vec<_> = clients.collect();
    while answered.load(Ordering::Relaxed) < 3_200 {
        thread::yield_now();
    }
    let signalled = Instant::now();
    program.signal("TERM");
    for client in clients {
        let sent = client.join().expect("no panic");
        let after = sent.saturating_duration_since(signalled);
        assert!(!after.is_zero(), "a request from before the signal is lost");
    }
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("32 connections closed, 0 aborted"), "{log}");
    assert!(signalled.elapsed() < Duration::from_secs(30), "{log}");
}

#[test]
fn a_text_is_merged_over_the_file() {
    let (v1, v2) = (server("v1"), server("v2"));
    let file = File::new(&bootstrap(v1, v1));
    let over = format!(
        "static_resources: {{ clusters: [ {} ] }}",
        cluster("rest", v2)
    );
    let arguments = ["run", "--config-path", file.path(), "--config-yaml", &over];
    // Lists are appended, so that there are two clusters of this name.
    let (code, _, log) = ended(&arguments);
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("--config-yaml:1: static_resources.clusters[2].name: \"rest\" is the name of"),
        "{log}"
    );
    let admin = "admin: { address: { socket_address: { address: 127.0.0.2 } } }";
    let program = Program::start(&["run", "-c", file.path(), "--config-yaml", admin]);
    program.address("listening on ");
    let address = program.address("admin on http://");
    assert_eq!(address.ip().to_string(), "127.0.0.2");
}

#[test]
fn what_others_tell_envoy_is_understood() {
    let file = File::new(&bootstrap(server("v1"), server("v2")));
    let program = Program::start(&[
        "run",
        "-c",
        file.path(),
        "--concurrency",
        "2",
        "--drain-time-s",
        "1",
        "--drain-strategy",
        "immediate",
        "--disable-hot-restart",
        "--allow-unknown-static-fields",
        "--local-address-ip-version",
        "v4",
        "--file-flush-interval-msec",
        "1000",
        "--log-format",
        "%Y-%m-%dT%T.%fZ|%l|%n|%v|%t",
        "-l",
        "warning",
    ]);
    program.address("listening on ");
    program.address("admin on http://");
    program.signal("TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    let line = log.lines().next().expect("a deprecated field");
    let parts: Vec<_> = line.split('|').collect();
    assert!(
        matches!(parts[..], [_, "warning", "meta_proxy::cli::run", _, _]),
        "{line}"
    );
}

#[test]
fn all_that_is_wrong_is_said() {
    let text = bootstrap(server("v1"), server("v2"))
        .replace("statPrefix", "statsPrefix")
        .replace("type: STATIC", "type: STATICAL");
    let file = File::new(&text);
    for command in ["run", "validate"] {
        let (code, lines, log) = ended(&[command, "-c", file.path()]);
        assert_eq!(code, Some(1), "{log}");
        assert_eq!(lines, [""; 0]);
        let places = [
            ":11: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.statsPrefix",
            ":26: static_resources.clusters[0].type: expected one of STATIC",
            ":27: static_resources.clusters[1].type: expected one of STATIC",
        ];
        for place in places {
            assert!(
                log.contains(&format!("{}{place}", file.path())),
                "{place} in {log}"
            );
        }
    }
    let (code, _, log) = ended(&["validate", "-c", "/nowhere/at/all.yaml"]);
    assert_eq!(code, Some(1));
    assert!(
        log.contains("/nowhere/at/all.yaml: cannot be read"),
        "{log}"
    );
    let (code, ..) = ended(&["run"]);
    assert_eq!(code, Some(2), "neither a file nor a text");
}

#[test]
fn what_is_not_there_yet_is_validated_and_not_run() {
    let text = bootstrap(server("v1"), server("v2")).replace(
        "          - name: aeraki.meta_protocol.filters.router",
        "          - name: aeraki.meta_protocol.filters.istio_stats\n          \
         - name: aeraki.meta_protocol.filters.router",
    );
    let file = File::new(&text);
    let (code, lines, log) = ended(&["validate", "-c", file.path()]);
    assert_eq!(code, Some(0), "{log}");
    let told = |line: &String| {
        line.starts_with("not implemented: ")
            && line.ends_with("istio_stats is not implemented yet")
    };
    assert!(lines.iter().any(told), "{lines:?}");
    assert!(
        lines
            .last()
            .is_some_and(|line| line.starts_with("ok, but 1 ")),
        "{lines:?}"
    );
    let (code, _, log) = ended(&["run", "-c", file.path()]);
    assert_eq!(code, Some(1));
    assert!(log.contains("the bootstrap cannot be run"), "{log}");
    assert!(log.contains("istio_stats is not implemented yet"), "{log}");
    // A name that nobody has published is a mistake.
    let file = File::new(&text.replace("filters.istio_stats", "filters.istio_stat"));
    let (code, lines, _) = ended(&["validate", "-c", file.path()]);
    assert_eq!(code, Some(1));
    assert!(lines[0].contains("unknown filter"), "{lines:?}");
    // So is what a codec does not know.
    let name = "codec: { name: aeraki.meta_protocol.codec.thrift";
    let config = "config: { '@type': type.googleapis.com/google.protobuf.Struct, \
                  value: { transprt: framed } }";
    let text = bootstrap(server("v1"), server("v2")).replace(name, &format!("{name}, {config}"));
    let file = File::new(&text);
    let (code, lines, _) = ended(&["validate", "-c", file.path()]);
    assert_eq!(code, Some(1));
    assert!(lines[0].contains("transprt: unknown field"), "{lines:?}");
}

#[test]
fn the_schema_is_json() {
    let (code, lines, _) = ended(&["schema"]);
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&lines.join("\n")).expect("it is JSON");
    assert!(schema["$defs"].is_object());
}
