//! All pages, and how they are asked for.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
};

use meta_proxy::meta_core::Address;

use super::start;
use crate::{
    http::{ask, get_async, post_async, talk},
    toy::{PATIENCE, Server, proxy},
};

/// The pages that the help lists, and whether they take a POST.
fn listed(help: &str) -> Vec<(String, bool)> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  /"));
    let page = |line: &str| {
        let (path, text) = line.split_once(':').expect("a path and a text");
        (format!("/{path}"), text.ends_with(" (POST)"))
    };
    lines.map(page).collect()
}

#[tokio::test]
async fn every_page_that_is_listed_answers() {
    let (_server, running, admin) = start().await;
    let help = get_async(admin, "/help").await.body;
    let pages = listed(&help);
    assert!(pages.len() > 15, "{help}");
    let index = get_async(admin, "/").await;
    assert!(
        index.head.contains("content-type: text/html"),
        "{}",
        index.head
    );
    for (path, takes_post) in &pages {
        let link = match takes_post {
            true => format!("action=\"{path}\""),
            false => format!("href=\"{path}\""),
        };
        assert!(index.body.contains(&link), "{link} in {}", index.body);
        // This one ends it.
        if path == "/quitquitquit" {
            continue;
        }
        let answer = match takes_post {
            true => {
                let got = get_async(admin, path).await;
                assert_eq!(got.status, 405, "{path}");
                assert!(got.head.contains("allow: post"), "{}", got.head);
                post_async(admin, path).await
            }
            false => get_async(admin, path).await,
        };
        // An embedding program's log is its own.
        let expected = if path == "/logging" { 501 } else { 200 };
        if path != "/ready" {
            assert_eq!(answer.status, expected, "{path}: {}", answer.body);
        }
        if *takes_post || path == "/" {
            continue;
        }
        let unknown = get_async(admin, &format!("{path}?unknown=1")).await;
        let expected = if path == "/logging" { 501 } else { 400 };
        assert_eq!(unknown.status, expected, "{path}");
    }
    assert_eq!(get_async(admin, "/nothing").await.body, help);
    drop(running);
}

#[tokio::test]
async fn browsers_change_nothing_for_other_sites() {
    let (_server, _running, admin) = start().await;
    let host = admin.to_string();
    let with_origin = |origin: &str| {
        let request = format!(
            "POST /healthcheck/fail HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\n\
             connection: close\r\n\r\n"
        );
        tokio::task::spawn_blocking(move || {
            talk(TcpStream::connect(admin).expect("it listens"), &request)
        })
    };
    let answer = with_origin("http://elsewhere.example")
        .await
        .expect("no panic");
    assert_eq!(answer.status, 403);
    assert_eq!(get_async(admin, "/ready").await.status, 200);
    let own = format!("http://{host}");
    assert_eq!(with_origin(&own).await.expect("no panic").status, 200);
    assert_eq!(get_async(admin, "/ready").await.status, 503);
}

#[tokio::test]
async fn it_answers_on_a_unix_socket() {
    let server = Server::start("v1").await;
    let path = std::env::temp_dir().join(format!("meta-proxy-admin-{}.sock", std::process::id()));
    let builder = proxy(&server).admin(Address::Unix(path.clone()));
    let running = builder.start().await.expect("it starts");
    assert_eq!(running.handle().admin_addr(), None);
    let known = running.handle().admin_address();
    assert_eq!(known, Some(&Address::Unix(path.clone())));
    let answer = tokio::task::spawn_blocking({
        let path = path.clone();
        move || {
            let stream = UnixStream::connect(path).expect("it listens");
            talk(stream, &ask("GET", "/ready"))
        }
    });
    assert_eq!(answer.await.expect("no panic").body, "LIVE\n");
    let handle = running.handle().clone();
    handle.drain(std::time::Duration::ZERO).await;
    crate::toy::eventually("the socket's end", || !path.exists()).await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let (_server, _running, admin) = start().await;
    let closed = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(admin).expect("it listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is not 0");
        let long = "x".repeat(64 << 10);
        // It may be closed before all has been written.
        let _ = stream.write_all(format!("GET /ready HTTP/1.1\r\nlong: {long}\r\n").as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    let answer = closed.await.expect("no panic");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert_eq!(get_async(admin, "/ready").await.status, 200);
}
