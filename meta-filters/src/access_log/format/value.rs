//! What an operator stands for.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use meta_core::{
    Address, EndedRequest, LocalReply, Metadata, Outcome, PeerCertificate, ReplyKind, Status,
};

use super::operator::{Lookup, Operator, Plain};
use super::time::TimeFormat;

/// What peers say is cut after so many characters: a line stays a line.
const MAX_PEER_CHARS: usize = 4096;

/// What a line is about.
#[derive(Debug)]
pub(in super::super) struct Context<'a> {
    pub(in super::super) ended: &'a EndedRequest<'a>,
    pub(in super::super) protocol: &'a str,
}

/// What an operator stands for, for one request.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Missing,
    Number(u64),
    /// A word of ours or of the configuration.
    Word(&'a str),
    /// What a peer had a hand in; it may hold anything.
    Peer(Cow<'a, str>),
    Address(&'a Address),
    /// The same, without the port.
    Host(&'a Address),
    Time(SystemTime, &'a TimeFormat),
}

/// Whether a request is logged as an error: it has no response, or one that tells of
/// an exception.
pub(in super::super) fn is_error(ended: &EndedRequest<'_>) -> bool {
    match ended.outcome {
        Outcome::Answered(response) => response
            .metadata()
            .is_some_and(|metadata| metadata.status != Status::Ok),
        Outcome::Refused(_) | Outcome::Cancelled => true,
    }
}

impl<'a> Context<'a> {
    pub(super) fn value(&self, operator: &'a Operator) -> Value<'a> {
        let ended = self.ended;
        match operator {
            Operator::StartTime(format) => {
                let start = SystemTime::now().checked_sub(self.duration());
                Value::Time(start.unwrap_or(SystemTime::UNIX_EPOCH), format)
            }
            Operator::Request(lookup) => match lookup.of(ended.request) {
                Value::Missing if lookup.is_protocol() => Value::Word(self.protocol),
                value => value,
            },
            Operator::Response(lookup) => match ended.outcome {
                Outcome::Answered(response) => response
                    .metadata()
                    .map_or(Value::Missing, |metadata| lookup.of(metadata)),
                _ => Value::Missing,
            },
            Operator::Plain(plain) => self.plain(*plain),
        }
    }

    fn plain(&self, plain: Plain) -> Value<'a> {
        let ended = self.ended;
        let info = ended.session.info();
        match plain {
            Plain::ResponseCode => Value::Number(is_error(ended).into()),
            Plain::ResponseCodeDetails => self.details(),
            Plain::ResponseFlags => word(self.flags()),
            Plain::LocalReplyBody => self.refusal().map_or(Value::Missing, |reply| {
                Value::Peer(cut(Cow::Owned(reply.to_string()), None))
            }),
            Plain::ConnectionTermination => match ended.closed {
                Some("downstream_remote_disconnect") | None => Value::Missing,
                closed => word(closed),
            },
            Plain::TransportFailure => self
                .refusal()
                .filter(|reply| reply.kind() == ReplyKind::ConnectFailed)
                .map_or(Value::Missing, |reply| peer(reply.detail(), None)),
            Plain::BytesReceived => Value::Number(ended.request.total_bytes as u64),
            Plain::BytesSent => Value::Number(ended.sent_bytes as u64),
            Plain::Duration => {
                let millis = self.duration().as_millis();
                Value::Number(u64::try_from(millis).unwrap_or(u64::MAX))
            }
            Plain::UpstreamCluster => self.cluster(),
            Plain::UpstreamHost => address(match self.upstream() {
                Some(upstream) => Some(&upstream.endpoint),
                None => ended.notes.endpoint.as_ref(),
            }),
            Plain::UpstreamLocal => address(self.upstream().and_then(|u| u.local.as_ref())),
            Plain::DownstreamLocal => Value::Address(&info.local),
            Plain::DownstreamLocalIp => Value::Host(&info.local),
            Plain::DownstreamRemote => Value::Address(&info.remote),
            Plain::DownstreamRemoteIp => Value::Host(&info.remote),
            Plain::RouteName => {
                let route = ended.notes.route.as_ref();
                word(route.map(|route| &*route.route().name))
            }
            Plain::ServerName => {
                let name = info.server_name.as_deref();
                name.map_or(Value::Missing, |name| peer(name, None))
            }
            Plain::TlsVersion => word(info.tls.as_deref().map(|tls| tls.version)),
            Plain::TlsCipher => word(info.tls.as_deref().map(|tls| tls.cipher)),
            Plain::PeerSubject => self.certificate(|peer| &peer.subject),
            Plain::PeerIssuer => self.certificate(|peer| &peer.issuer),
            Plain::PeerSerial => self.certificate(|peer| &peer.serial),
            Plain::PeerFingerprint => self.certificate(|peer| &peer.sha256),
            Plain::PeerUriSan => self.names(|peer| &peer.uri_sans),
            Plain::PeerDnsSan => self.names(|peer| &peer.dns_sans),
            Plain::Protocol => word(Some(self.protocol)),
            Plain::Operation => match ended.request.operation() {
                name if name.is_empty() => Value::Missing,
                name => Value::Peer(cut(name, None)),
            },
            Plain::ConnectionId => Value::Number(info.id),
        }
    }

    /// The client's certificate, whether it was verified or not.
    fn peer_certificate(&self) -> Option<&'a PeerCertificate> {
        self.ended.session.info().tls.as_deref()?.peer.as_ref()
    }

    fn certificate(&self, of: fn(&PeerCertificate) -> &str) -> Value<'a> {
        match self.peer_certificate().map(of) {
            Some(text) if !text.is_empty() => peer(text, None),
            _ => Value::Missing,
        }
    }

    fn names(&self, of: fn(&PeerCertificate) -> &[Arc<str>]) -> Value<'a> {
        match self.peer_certificate().map(of) {
            None | Some([]) => Value::Missing,
            Some([only]) => peer(only, None),
            Some(several) => Value::Peer(cut(several.join(",").into(), None)),
        }
    }

    fn duration(&self) -> Duration {
        let ended = self.ended;
        ended.ended_at.saturating_duration_since(ended.received_at)
    }

    fn refusal(&self) -> Option<&'a LocalReply> {
        match self.ended.outcome {
            Outcome::Refused(reply) => Some(reply),
            _ => None,
        }
    }

    fn upstream(&self) -> Option<&'a meta_core::UpstreamInfo> {
        match self.ended.outcome {
            Outcome::Answered(response) => response.upstream.as_deref(),
            _ => None,
        }
    }

    fn cluster(&self) -> Value<'a> {
        let route = self.ended.notes.route.as_ref();
        let route = route.map(|route| &**route.cluster());
        let reply = self.refusal().and_then(|reply| reply.cluster());
        word(route.or(reply.map(|cluster| &**cluster)))
    }

    fn details(&self) -> Value<'a> {
        match self.ended.outcome {
            Outcome::Answered(_) => Value::Word("via_upstream"),
            Outcome::Refused(reply) => Value::Word(reply.kind().as_str()),
            Outcome::Cancelled => word(self.ended.closed),
        }
    }

    /// Envoy's short form of what went wrong.
    fn flags(&self) -> Option<&'static str> {
        let reply = match self.ended.outcome {
            Outcome::Answered(_) => return None,
            Outcome::Cancelled => return Some("DC"),
            Outcome::Refused(reply) => reply,
        };
        match reply.kind() {
            ReplyKind::NoRoute => Some("NR"),
            ReplyKind::UnknownCluster => Some("NC"),
            ReplyKind::NoHealthyUpstream => Some("UH"),
            ReplyKind::ConnectFailed => Some("UF"),
            ReplyKind::UpstreamReset | ReplyKind::UpstreamIncomplete => Some("UC"),
            ReplyKind::BadResponse => Some("UPE"),
            ReplyKind::Timeout => Some("UT"),
            ReplyKind::Overflow => Some("UO"),
            ReplyKind::TooLarge | ReplyKind::BadRequest => Some("DPE"),
            ReplyKind::RateLimited => Some("RL"),
            ReplyKind::Denied => Some("UAEX"),
            _ => None,
        }
    }
}

impl Lookup {
    fn of<'a>(&self, metadata: &'a Metadata) -> Value<'a> {
        let value = metadata.get(&self.key);
        let value = value.or_else(|| metadata.get(self.otherwise.as_deref()?));
        value.map_or(Value::Missing, |value| peer(value, self.max_chars))
    }

    /// Whether it is the header by which Aeraki's formats ask for the protocol.
    fn is_protocol(&self) -> bool {
        self.key
            .eq_ignore_ascii_case("x-meta-protocol-application-protocol")
    }
}

fn word(word: Option<&str>) -> Value<'_> {
    match word {
        Some(word) if !word.is_empty() => Value::Word(word),
        _ => Value::Missing,
    }
}

fn peer(text: &str, max_chars: Option<usize>) -> Value<'_> {
    Value::Peer(cut(Cow::Borrowed(text), max_chars))
}

fn address(address: Option<&Address>) -> Value<'_> {
    address.map_or(Value::Missing, Value::Address)
}

/// The first so many characters.
fn cut(text: Cow<'_, str>, max_chars: Option<usize>) -> Cow<'_, str> {
    let max = max_chars.unwrap_or(MAX_PEER_CHARS).min(MAX_PEER_CHARS);
    if text.len() <= max {
        return text;
    }
    let Some((end, _)) = text.char_indices().nth(max) else {
        return text;
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}
