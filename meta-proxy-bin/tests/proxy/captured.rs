//! What a real Aeraki made, where there is a record of it: the file that
//! `META_RDS_CAPTURE` names. Its filters are run and its routes followed as written.

use std::{
    collections::HashMap,
    env, fs,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use codec_thrift::wire::{Form, MessageBuilder, Protocol, Transport};
use meta_proxy::{Proxy, Registry, meta_rds};
use meta_rds::{Loader, Severity, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::get,
    program::Program,
    thrift::read,
    toy::{PATIENCE, loopback},
};

const ECHO: &str = "echo.lab.svc.cluster.local";

fn record() -> Value {
    let path = env::var("META_RDS_CAPTURE").expect("META_RDS_CAPTURE names the record");
    let text = fs::read_to_string(path).expect("the record");
    serde_json::from_str(&text).expect("it is JSON")
}

/// The filter of that name as it was sent.
fn filter(record: &Value, name: &str) -> Value {
    let filters = record["generated_filters"].as_array().expect("filters");
    let is_it = |filter: &&Value| filter["name"].as_str().is_some_and(|n| n.starts_with(name));
    let found = filters.iter().find(is_it).expect(name);
    found["network_filter_on_the_wire"].clone()
}

/// The filter without what is to come, and how much that was.
fn without_what_is_to_come(mut filter: Value) -> (Value, usize) {
    let list = &mut filter["typedConfig"]["value"]["metaProtocolFilters"];
    let list = list.as_array_mut().expect("filters");
    let before = list.len();
    list.retain(|filter| filter["name"] == "aeraki.meta_protocol.filters.router");
    let count = before - list.len();
    (filter, count)
}

fn bootstrap(filters: &[&Value], clusters: &HashMap<String, SocketAddr>) -> String {
    let address = |address: SocketAddr| json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } });
    let listeners = filters.iter().enumerate().map(|(index, filter)| {
        json!({
            "name": format!("listener-{index}"),
            "address": address(loopback()),
            "filter_chains": [ { "filters": [ filter ] } ],
        })
    });
    let clusters = clusters.iter().map(|(name, server)| {
        let mut cluster = json!({
            "name": name,
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [ { "lb_endpoints": [ { "endpoint": { "address": address(*server) } } ] } ],
            },
        });
        if name == "aeraki-xds" {
            cluster["http2_protocol_options"] = json!({});
        }
        cluster
    });
    json!({
        "node": { "id": "sidecar~10.0.0.1~client.lab~lab.svc.cluster.local", "cluster": "client" },
        "admin": { "address": address(loopback()) },
        "static_resources": {
            "listeners": listeners.collect::<Vec<_>>(),
            "clusters": clusters.collect::<Vec<_>>(),
        },
    })
    .to_string()
}

/// A server that tells of each call which server it is, and what `foo` was.
fn server(name: &'static str, told: &Sender<&'static str>) -> SocketAddr {
    let socket = TcpListener::bind(loopback()).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let told = told.clone();
    thread::spawn(move || {
        for mut stream in socket.incoming().map_while(Result::ok) {
            let told = told.clone();
            thread::spawn(move || {
                while let Some(call) = read(&mut stream) {
                    let _ = told.send(name);
                    let text = format!("{name} {}", call.info("foo").unwrap_or("-"));
                    let reply = MessageBuilder::reply(call.form, call.name.as_str())
                        .seqid(call.seqid)
                        .header_id(call.seqid)
                        .string(0, &text);
                    if stream.write_all(&reply.build()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A call with info headers; which server answered, what `foo` was there, and what
/// `answered` is here.
fn call(
    stream: &mut TcpStream,
    method: &str,
    infos: &[(&str, &str)],
) -> (String, String, Option<String>) {
    let form = Form::new(Transport::Header, Protocol::Binary);
    let call = MessageBuilder::call(form, method).seqid(7).header_id(7);
    let call = infos
        .iter()
        .fold(call, |call, (key, value)| call.info(*key, *value));
    stream.write_all(&call.build()).expect("it reads");
    let reply = read(stream).expect("a reply");
    assert_eq!((&*reply.name, reply.seqid), (method, 7));
    let text = reply.string(0).expect("an answer");
    let (server, sent) = text.split_once(' ').expect("two words");
    let answered = reply.info("answered").map(str::to_owned);
    (server.to_owned(), sent.to_owned(), answered)
}

fn cluster(port: u16, subset: &str) -> String {
    format!("outbound|{port}|{subset}|{ECHO}")
}

#[test]
#[ignore = "needs a record of a control plane: META_RDS_CAPTURE"]
fn captured_filters_load_as_written() {
    let record = record();
    let names = ["aeraki-outbound-echo", "aeraki-inbound-echo"];
    let filters = names.map(|name| filter(&record, name));
    let mut registry = Registry::new();
    registry
        .codec(codec_dubbo::Dubbo)
        .and_then(|registry| registry.codec(codec_thrift::Thrift))
        .expect("two names");
    let clusters = [
        "aeraki-xds".to_owned(),
        "inbound|24100||".to_owned(),
        "outbound|8081||rate-limit-server.lab.svc.cluster.local".to_owned(),
    ];
    let clusters = clusters
        .map(|name| (name, SocketAddr::from(([127, 0, 0, 1], 1))))
        .into();
    let text = bootstrap(&filters.each_ref(), &clusters);
    let loaded = Loader::new().load(&[Source::new("captured", text)]);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    // What is to come is all that keeps it from being run.
    let error = Proxy::builder(registry).bootstrap(&loaded).err();
    let mut problems: Vec<_> = error
        .iter()
        .flat_map(|error| &error.problems)
        .map(|problem| {
            assert_eq!(problem.severity, Severity::Unsupported, "{problem}");
            problem.text.clone()
        })
        .collect();
    problems.sort();
    problems.dedup();
    let is_to_come = |text: &String| text.ends_with("is not implemented yet");
    assert!(problems.iter().all(is_to_come), "{problems:?}");
}

/// The program, between a client with info headers and servers for each cluster, its
/// routes from a control plane that serves what was recorded.
#[test]
#[ignore = "needs a record of a control plane: META_RDS_CAPTURE"]
fn captured_routes_are_followed() {
    let record = record();
    let folder = TempDir::new().expect("a folder");
    let response = record["discovery_response"].to_string();
    fs::write(folder.path().join("echo.json"), response).expect("written");
    let path = folder.path().to_str().expect("it is UTF-8");
    let control = Program::start(&["rds-server", "--routes", path, "--listen", "127.0.0.1:0"]);
    let address = control.address("serving routes on ");
    let (told, calls) = channel();
    let servers = [
        (cluster(24100, "v1"), "v1"),
        (cluster(24100, "v2"), "v2"),
        (cluster(24101, "v2"), "mirror"),
        (cluster(24102, "v2"), "other-port"),
        (cluster(24100, ""), "rest"),
        ("inbound|24100||".to_owned(), "inbound"),
    ];
    let servers = servers.map(|(cluster, name)| (cluster, server(name, &told)));
    let mut clusters: HashMap<_, _> = servers.into();
    clusters.insert("aeraki-xds".to_owned(), address);
    let (outbound, left) = without_what_is_to_come(filter(&record, "aeraki-outbound-echo"));
    assert_eq!(left, 2);
    let (inbound, left) = without_what_is_to_come(filter(&record, "aeraki-inbound-echo"));
    assert_eq!(left, 4);
    let file = folder.path().join("bootstrap");
    fs::write(&file, bootstrap(&[&outbound, &inbound], &clusters)).expect("written");
    let file = file.to_str().expect("it is UTF-8");
    let program = Program::start(&["run", "-c", file, "--concurrency", "1"]);
    let outbound = program.address("listening on ");
    let inbound = program.address("listening on ");
    let admin = program.address("admin on http://");

    let mut client = connect(outbound);
    for (method, infos, server) in [
        ("sayHello", &[("user", "ann")][..], "v1"),
        ("getPrice", &[("tenant", "x")], "other-port"),
        ("getPrice", &[], "rest"),
        ("other", &[("user", "ann")], "rest"),
    ] {
        let (found, sent, answered) = call(&mut client, method, infos);
        assert_eq!((&*found, &*sent, answered), (server, "-", None), "{method}");
    }
    let mut shares = HashMap::new();
    for _ in 0..400 {
        let (server, sent, answered) = call(&mut client, "sayHello", &[("user", "bob")]);
        assert_eq!((&*sent, answered.as_deref()), ("bar", Some("yes")));
        *shares.entry(server).or_insert(0) += 1;
    }
    // 20 to 80; six standard deviations are 48.
    assert!((32..=128).contains(&shares["v1"]), "{shares:?}");
    assert_eq!(shares["v1"] + shares["v2"], 400);
    // An eighth is mirrored; the like.
    let mirrored = mirrored(&calls);
    assert!((10..=90).contains(&mirrored), "{mirrored}");

    let mut client = connect(inbound);
    assert_eq!(call(&mut client, "sayHello", &[]).0, "inbound");
    let dump = get(admin, "/config_dump?resource=dynamic_route_configs").body;
    assert!(
        dump.contains(&format!("\"name\": \"{ECHO}_24100\"")),
        "{dump}"
    );
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    let timeout = stream.set_read_timeout(Some(PATIENCE));
    timeout.expect("it is not 0");
    stream
}

/// The copies so far. Those of the last calls may be under way still.
fn mirrored(calls: &Receiver<&'static str>) -> usize {
    calls
        .try_iter()
        .filter(|server| *server == "mirror")
        .count()
}
