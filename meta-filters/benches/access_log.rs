//! What a line of an access log costs the request it is about.
//!
//! `cargo bench -p meta-filters`.

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use meta_core::{
    Address, ConnectionInfo, EndedRequest, Message, MessageKind, Metadata, Notes, Outcome, Request,
    RequestLog, ResolvedRoute, Response, Route, Session, UpstreamInfo, WireId, WorkerId,
};
use meta_filters::access_log::{AccessLogConfig, AccessLogs, LogFormat, LogTarget};
use serde_json::{Value, json};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LINES: u32 = 500_000;

fn main() {
    let default = AccessLogConfig::new(LogTarget::File("/dev/null".into()));
    let mut as_json = default.clone();
    if let Value::Object(fields) = json!({
        "time": "%START_TIME%", "operation": "%OPERATION%", "code": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%", "took_ms": "%DURATION%",
        "upstream": { "host": "%UPSTREAM_HOST%", "cluster": "%UPSTREAM_CLUSTER%" },
        "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    }) {
        as_json.format = LogFormat::Json(fields);
    }
    let text = |format: &str| default.clone().text(format);
    let cases = [
        (
            "two addresses",
            text("%UPSTREAM_HOST% %DOWNSTREAM_REMOTE_ADDRESS%"),
        ),
        ("a time", text("%START_TIME%")),
        (
            "three short values",
            text("%OPERATION% %RESPONSE_CODE% %DURATION%"),
        ),
        ("the default format", default.clone()),
        ("eight values as JSON", as_json),
    ];
    println!("ns per request, on the thread that serves it");
    for (name, config) in cases {
        println!("{name:24} {:>8.1}", measure(&config));
    }
    println!("{:24} {:>8.1}", "what it takes besides", measure_journal());
}

fn address(port: u16) -> Address {
    Address::Ip(([10, 0, 0, 1], port).into())
}

fn session() -> Session {
    Session::new(ConnectionInfo {
        remote: address(40_000),
        local: address(20_880),
        routes: Some(Arc::new(Arc::new(Route::to_cluster("all", "backend")))),
        ..ConnectionInfo::default()
    })
}

fn call() -> Metadata {
    let mut call = Metadata::new(MessageKind::Request, WireId(7));
    call.attributes.insert("method", "hello");
    call.set_operation_attribute("method");
    call.total_bytes = 128;
    call
}

fn measure(config: &AccessLogConfig) -> f64 {
    let logs = AccessLogs::default();
    let log = logs.open(config, "thrift").expect("it can be opened");
    assert!(Path::new("/dev/null").exists());
    let log: Arc<dyn RequestLog> = log.worker(WorkerId(0));
    let (session, request) = (session(), call());
    let upstream = Arc::new(UpstreamInfo {
        cluster: "backend".into(),
        endpoint: address(20_881),
        local: Some(address(40_001)),
    });
    let answer = Metadata::new(MessageKind::Response, WireId(7));
    let response = Response::new(Message::new(answer, Bytes::new()), upstream);
    let route = Arc::new(Route::to_cluster("all", "backend"));
    let notes = Notes {
        route: ResolvedRoute::new(route, 0),
        endpoint: Some(address(20_881)),
    };
    let received_at = Instant::now();
    let began = Instant::now();
    for _ in 0..LINES {
        log.log(black_box(&EndedRequest {
            session: &session,
            request: &request,
            received_at,
            ended_at: received_at + Duration::from_micros(150),
            outcome: Outcome::Answered(&response),
            sent_bytes: 64,
            notes: notes.clone(),
            closed: None,
        }));
    }
    let cost = per_line(began.elapsed());
    let dropped = logs.stats().lines_dropped;
    if dropped > 0 {
        println!("({dropped} of {LINES} lines were dropped)");
    }
    cost
}

/// What keeping a journal costs a request besides its line.
fn measure_journal() -> f64 {
    let session = session();
    let call = meta_core::SharedMetadata::from(call());
    let run = |keep: bool| {
        let began = Instant::now();
        for _ in 0..LINES {
            let message = Message {
                metadata: call.clone(),
                frame: Bytes::new(),
            };
            let mut request = Request::new(message, session.clone(), began);
            let journal = keep.then(|| request.keep_journal());
            request.note_endpoint(|| address(20_881));
            black_box(request.take_route());
            drop(black_box(journal.map(|journal| journal.take())));
        }
        per_line(began.elapsed())
    };
    run(true) - run(false)
}

fn per_line(elapsed: Duration) -> f64 {
    elapsed.as_nanos() as f64 / f64::from(LINES)
}
