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
    let mut stream = TcpStream::connect(admin).expect("the admin listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not 0");
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
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
pub(crate) async fn get_async(admin: SocketAddr, path: &'static str) -> Answer {
    let got = tokio::task::spawn_blocking(move || get(admin, path));
    got.await.expect("no panic")
}
