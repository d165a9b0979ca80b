//! What lines say, and where they end up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use meta_core::{
    Address, ConnectionInfo, Destination, EndedRequest, LocalReply, Message, MessageKind, Metadata,
    Notes, Outcome, PeerCertificate, ResolvedRoute, Response, Route, Session, Status, TlsInfo,
    UpstreamInfo, WireId,
};

use super::*;

mod files;
mod render;

/// What an error says, with its causes.
fn say(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", say(cause)),
        None => error.to_string(),
    }
}

fn address(text: &str) -> Address {
    Address::Ip(text.parse().expect("an address"))
}

/// A call that was answered, or not.
struct Scene {
    session: Session,
    request: Metadata,
    response: Response,
    notes: Notes,
    took: Duration,
}

/// A connection of a client that presented a certificate.
fn tls() -> TlsInfo {
    let mut peer = PeerCertificate::default();
    peer.subject = "CN=call\"er".into();
    peer.issuer = "CN=root".into();
    peer.serial = "0a".into();
    peer.uri_sans = vec!["spiffe://a".into(), "spiffe://b".into()];
    peer.sha256 = "ab12".into();
    let mut tls = TlsInfo::default();
    tls.version = "TLSv1.3";
    tls.cipher = "TLS_AES_128_GCM_SHA256";
    tls.peer = Some(peer);
    tls
}

impl Scene {
    fn new() -> Self {
        let mut request = Metadata::new(MessageKind::Request, WireId(7));
        request.total_bytes = 120;
        request.set_service_operation("Greeter".to_owned(), "hello".to_owned());
        request.attributes.insert("method", "hello");
        request
            .attributes
            .insert("X-Request-Id", "ab\"c\nd".to_owned());
        let mut response = Metadata::new(MessageKind::Response, WireId(7));
        response.attributes.insert("served-by", "v2");
        let upstream = UpstreamInfo {
            cluster: "backend".into(),
            endpoint: address("10.0.0.2:20880"),
            local: Some(address("10.0.0.1:40000")),
        };
        let mut route = Route::to_cluster("all", "backend");
        route.destinations.push(Destination {
            cluster: "canary".into(),
            weight: 1,
        });
        Self {
            session: Session::new(ConnectionInfo {
                id: 42,
                remote: address("127.0.0.1:1234"),
                local: address("[::1]:20880"),
                server_name: Some("greeter.example".into()),
                tls: Some(Arc::new(tls())),
                ..ConnectionInfo::default()
            }),
            request,
            response: Response::new(Message::new(response, Bytes::new()), Arc::new(upstream)),
            notes: Notes {
                route: ResolvedRoute::new(Arc::new(route), 1),
                endpoint: Some(address("10.0.0.3:20880")),
            },
            took: Duration::from_micros(2_999),
        }
    }

    /// The same call, its response of that status.
    fn with_status(mut self, status: Status) -> Self {
        let response = self.response.message.as_mut().expect("a response");
        response.metadata.get_mut().expect("nobody else's").status = status;
        self
    }

    fn ended<'a>(&'a self, outcome: Outcome<'a>) -> EndedRequest<'a> {
        let received_at = Instant::now();
        EndedRequest {
            session: &self.session,
            request: &self.request,
            received_at,
            ended_at: received_at + self.took,
            outcome,
            sent_bytes: 64,
            notes: self.notes.clone(),
            closed: match outcome {
                Outcome::Cancelled => Some("downstream_remote_disconnect"),
                _ => None,
            },
        }
    }

    fn answered(&self) -> EndedRequest<'_> {
        self.ended(Outcome::Answered(&self.response))
    }

    fn refused<'a>(&'a self, reply: &'a LocalReply) -> EndedRequest<'a> {
        self.ended(Outcome::Refused(reply))
    }
}

/// The line of `ended` in the format of `config`.
fn line_of(config: &AccessLogConfig, ended: &EndedRequest<'_>) -> String {
    let format = Format::new(config).expect("a format");
    let mut scratch = Scratch::default();
    let context = Context {
        ended,
        protocol: "dubbo",
    };
    let line = format.render(&context, &mut scratch).to_vec();
    String::from_utf8(line).expect("text")
}

fn text(format: &str, ended: &EndedRequest<'_>) -> String {
    let config = AccessLogConfig::new(LogTarget::Stdout).text(format);
    let line = line_of(&config, ended);
    line.strip_suffix('\n').expect("a whole line").to_owned()
}
