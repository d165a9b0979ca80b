//! A DNS server on a loopback port, over UDP and TCP.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

/// What fits in an answer over UDP.
const UDP_BYTES: usize = 512;
const A: u16 = 1;
const AAAA: u16 = 28;
const NXDOMAIN: u8 = 3;
const SERVFAIL: u8 = 2;

/// Answers for the names that it was told of; for others, that they do not exist.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Zone {
    names: HashMap<String, (u32, Vec<IpAddr>)>,
    is_broken: bool,
    queries: usize,
    over_tcp: usize,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    /// On that port; both sockets have the same.
    pub(crate) async fn start_at(wanted: SocketAddr) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind(wanted).await.expect("a free port");
            let address = udp.local_addr().expect("it is bound");
            match TcpListener::bind(address).await {
                Ok(tcp) => break (udp, tcp),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
            }
        };
        let address = udp.local_addr().expect("it is bound");
        let zone = Arc::<Mutex<Zone>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, zone.clone()));
        tasks.spawn(serve_tcp(tcp, zone.clone()));
        Self {
            address,
            zone,
            tasks,
        }
    }

    /// These are the addresses of `name` from here on.
    pub(crate) fn set(&self, name: &str, ttl: u32, addresses: &[IpAddr]) {
        let mut zone = self.zone.lock().expect("no panic");
        zone.names
            .insert(name.to_owned(), (ttl, addresses.to_vec()));
    }

    /// There is no such name from here on.
    pub(crate) fn remove(&self, name: &str) {
        self.zone.lock().expect("no panic").names.remove(name);
    }

    /// Answers with an error, or as it should again.
    pub(crate) fn break_down(&self, is_broken: bool) {
        self.zone.lock().expect("no panic").is_broken = is_broken;
    }

    pub(crate) fn queries(&self) -> usize {
        self.zone.lock().expect("no panic").queries
    }

    pub(crate) fn queries_over_tcp(&self) -> usize {
        self.zone.lock().expect("no panic").over_tcp
    }

    /// Closes its sockets.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = [0; 1500];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let answer = answer(&buffer[..length], &zone, Some(UDP_BYTES));
        // The client may be gone.
        let _ = socket.send_to(&answer, client).await;
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Mutex<Zone>>) {
    let mut clients = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let zone = zone.clone();
        // Ends when the client does.
        clients.spawn(async move { drop(serve_stream(stream, zone).await) });
    }
}

async fn serve_stream(mut stream: TcpStream, zone: Arc<Mutex<Zone>>) -> io::Result<()> {
    loop {
        let mut query = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut query).await?;
        zone.lock().expect("no panic").over_tcp += 1;
        let answer = answer(&query, &zone, None);
        let length = u16::try_from(answer.len()).expect("a short answer");
        stream.write_u16(length).await?;
        stream.write_all(&answer).await?;
    }
}

/// RFC 1035, section 4: the header, the question as it came, the addresses.
fn answer(query: &[u8], zone: &Mutex<Zone>, at_most: Option<usize>) -> Vec<u8> {
    let mut zone = zone.lock().expect("no panic");
    zone.queries += 1;
    let (mut name, mut at) = (String::new(), 12);
    while query[at] != 0 {
        let label = &query[at + 1..=at + usize::from(query[at])];
        name.push_str(str::from_utf8(label).expect("ASCII"));
        name.push('.');
        at += 1 + label.len();
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let question = &query[12..at + 5];
    let known = zone.names.get(name.trim_end_matches('.'));
    let code = match known {
        _ if zone.is_broken => SERVFAIL,
        None => NXDOMAIN,
        Some(_) => 0,
    };
    let (ttl, addresses) = match known {
        Some((ttl, addresses)) if code == 0 => (*ttl, &addresses[..]),
        _ => (0, &[][..]),
    };
    let mut records = Vec::new();
    let mut count = 0_u16;
    for address in addresses {
        let (own, bytes) = match address {
            IpAddr::V4(ip) => (A, ip.octets().to_vec()),
            IpAddr::V6(ip) => (AAAA, ip.octets().to_vec()),
        };
        if own != kind {
            continue;
        }
        count += 1;
        // The name is that of the question; class IN.
        records.extend([0xc0, 12]);
        records.extend(own.to_be_bytes());
        records.extend(1_u16.to_be_bytes());
        records.extend(ttl.to_be_bytes());
        records.extend(u16::try_from(bytes.len()).expect("short").to_be_bytes());
        records.extend(bytes);
    }
    let is_long = at_most.is_some_and(|bytes| 12 + question.len() + records.len() > bytes);
    if is_long {
        (records, count) = (Vec::new(), 0);
    }
    // A response, truncated or not, recursion desired and available.
    let flags = 0x81 | if is_long { 0x02 } else { 0 };
    let mut message = vec![query[0], query[1], flags, 0x80 | code, 0, 1];
    message.extend(count.to_be_bytes());
    message.extend([0; 4]);
    message.extend(question);
    message.extend(records);
    message
}
