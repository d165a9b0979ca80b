//! `/logging`.

use std::sync::{Arc, Mutex};

use meta_proxy::{Levels, LogLevels};
use tracing::level_filters::LevelFilter;

use super::start;
use crate::{
    http::{get, get_async, post, post_async},
    program::Program,
    thrift,
    toy::{Server, loopback, proxy},
};

struct Log(Mutex<Levels>);

impl LogLevels for Log {
    fn levels(&self) -> Levels {
        self.0.lock().expect("no panic").clone()
    }

    fn set(&self, levels: Levels) -> Result<(), String> {
        if levels.default == LevelFilter::OFF {
            return Err("this one cannot be silenced".to_owned());
        }
        *self.0.lock().expect("no panic") = levels;
        Ok(())
    }
}

#[tokio::test]
async fn the_levels_of_an_embedding_program_are_changed_by_its_hook() {
    let (_server, _running, admin) = start().await;
    let without = get_async(admin, "/logging").await;
    assert_eq!(without.status, 501, "{}", without.body);

    let server = Server::start("v1").await;
    let log = Arc::new(Log(Mutex::new(Levels::new(LevelFilter::INFO))));
    let builder = proxy(&server).admin(loopback()).log_levels(log.clone());
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let listed = get_async(admin, "/logging").await.body;
    assert!(
        listed.starts_with("active loggers:\n  default: info\n"),
        "{listed}"
    );
    assert!(listed.contains("\n  meta_router: info\n"), "{listed}");

    assert_eq!(get_async(admin, "/logging?level=debug").await.status, 405);
    assert_eq!(log.levels().default, LevelFilter::INFO);
    let changed = post_async(
        admin,
        "/logging?paths=meta_router:trace,my_codec:off&meta_codec=warning",
    );
    let listed = changed.await.body;
    for line in [
        "meta_router: trace",
        "my_codec: off",
        "meta_codec: warning",
        "default: info",
    ] {
        assert!(
            listed.contains(&format!("\n  {line}\n")),
            "{line} in {listed}"
        );
    }
    assert_eq!(log.levels().of("meta_router::pool"), LevelFilter::TRACE);
    post_async(admin, "/logging?level=error").await;
    assert_eq!(log.levels(), Levels::new(LevelFilter::ERROR));

    for (query, problem) in [
        ("level=loud", "\"loud\" is no level"),
        ("paths=meta_router", "\"meta_router\" is not NAME:LEVEL"),
        ("a-b=info", "\"a-b\" is the name of no crate or module"),
        ("level=off", "this one cannot be silenced"),
    ] {
        let answer = post_async(admin, &format!("/logging?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.starts_with(problem), "{}", answer.body);
    }
    assert_eq!(log.levels(), Levels::new(LevelFilter::ERROR));
}

#[test]
fn the_programs_log_follows() {
    let upstream = thrift::server("v1").to_string();
    let program = Program::start(&[
        "quick",
        "--protocol",
        "thrift",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        &upstream,
    ]);
    program.address("listening on ");
    let admin = program.address("admin on http://");
    assert!(get(admin, "/logging").body.contains("default: info"));
    let listed = post(admin, "/logging?level=off").body;
    assert!(listed.contains("meta_proxy: off"), "{listed}");
    // Of the next change of the phase a debug line tells; the line at info does not
    // come.
    post(admin, "/logging?meta_proxy::supervisor=debug");
    program.signal("TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("phase=DRAINING"), "{log}");
    assert!(!log.contains("drained:"), "{log}");
}
