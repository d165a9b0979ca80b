//! As much of an HTTP client as the admin needs.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::toy::PATIENCE;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Gets a page. Blocks.
pub(crate) fn get(admin: SocketAddr, path: &str) -> Answer {
    connect("GET", admin, path)
}

/// Posts nothing to a page. Blocks.
pub(crate) fn post(admin: SocketAddr, path: &str) -> Answer {
    connect("POST", admin, path)
}

fn connect(method: &str, admin: SocketAddr, path: &str) -> Answer {
    let stream = TcpStream::connect(admin).expect("the admin listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not 0");
    talk(stream, &ask(method, path))
}

/// A request without a body.
pub(crate) fn ask(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
}

/// Sends a request, the only one of its connection, and reads the answer. Blocks.
pub(crate) fn talk(mut stream: impl Read + Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Gets a page without blocking the runtime.
pub(crate) async fn get_async(admin: SocketAddr, path: &str) -> Answer {
    let path = path.to_owned();
    let got = tokio::task::spawn_blocking(move || get(admin, &path));
    got.await.expect("no panic")
}

/// Posts nothing to a page without blocking the runtime.
pub(crate) async fn post_async(admin: SocketAddr, path: &str) -> Answer {
    let path = path.to_owned();
    let posted = tokio::task::spawn_blocking(move || post(admin, &path));
    posted.await.expect("no panic")
}
