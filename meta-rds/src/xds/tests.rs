//! The state machine, without a network.

use std::time::{Duration, Instant};

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node,
        service::discovery::v3::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
            Resource,
        },
    },
    google::protobuf::{self, Any},
};
use prost::Message;

use super::{Client, Decoded, Event, EventKind, Mode, Request, ResourceType, Response, Settings};

mod answers;
mod any_order;
mod delta;
mod reconnect;
mod time_to_live;

pub(super) const TYPE: &str = "type.googleapis.com/test.Note";
pub(super) const OTHER: &str = "type.googleapis.com/test.Whole";

/// A resource: its name and what it says.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Note {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    text: String,
}

/// What starts with `bad` is refused; the order of the letters means nothing.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded<String>, String> {
    let mut note = Note::decode(bytes).map_err(|error| error.to_string())?;
    if note.text.starts_with("bad") {
        return Err(format!("{}: {:?} is bad", note.name, note.text));
    }
    let value = note.text.clone();
    let mut letters: Vec<_> = note.text.chars().collect();
    letters.sort_unstable();
    note.text = letters.into_iter().collect();
    Ok(Decoded {
        value,
        canonical: note.encode_to_vec().into(),
    })
}

pub(super) fn note(name: &str, text: &str) -> Any {
    let (name, text) = (name.to_owned(), text.to_owned());
    Any {
        type_url: TYPE.to_owned(),
        value: Note { name, text }.encode_to_vec(),
    }
}

/// A client, and a clock that goes when it is told to.
pub(super) struct Scene {
    pub(super) client: Client<String>,
    pub(super) now: Instant,
}

impl Scene {
    pub(super) fn new(mode: Mode) -> Self {
        let node = Node {
            id: "me".to_owned(),
            ..Node::default()
        };
        let types = [(TYPE, false), (OTHER, true)].map(|(type_url, is_whole)| ResourceType {
            type_url,
            is_whole,
            decode,
        });
        let client = Client::new(Settings::new(mode, node), types.into());
        let now = Instant::now();
        Self { client, now }
    }

    /// Asks for `names`, connects, and takes the first request.
    pub(super) fn asking(mode: Mode, names: &[&str]) -> Self {
        let mut scene = Self::new(mode);
        for name in names {
            scene.client.watch(TYPE, name, None, scene.now);
        }
        scene.connect();
        assert_eq!(scene.requests().len(), 1);
        scene
    }

    pub(super) fn connect(&mut self) {
        assert!(self.client.wants_to_connect(self.now));
        self.client.connecting();
        self.client.connected();
    }

    /// A new stream, after whatever wait.
    pub(super) fn reconnect(&mut self) {
        self.client.disconnected("gone", self.now, u64::MAX);
        self.now += Duration::from_secs(30);
        self.connect();
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.client.tick(self.now);
    }

    pub(super) fn requests(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.client.poll(self.now)).collect()
    }

    /// The one request in state of the world.
    pub(super) fn request(&mut self) -> DiscoveryRequest {
        match &*self.requests() {
            [Request::StateOfTheWorld(request)] => request.clone(),
            other => panic!("one request: {other:?}"),
        }
    }

    /// The one request in delta.
    pub(super) fn delta_request(&mut self) -> DeltaDiscoveryRequest {
        match &*self.requests() {
            [Request::Delta(request)] => request.clone(),
            other => panic!("one request: {other:?}"),
        }
    }

    pub(super) fn respond(&mut self, version: &str, nonce: &str, resources: Vec<Any>) {
        let response = DiscoveryResponse {
            version_info: version.to_owned(),
            nonce: nonce.to_owned(),
            type_url: TYPE.to_owned(),
            resources,
            ..DiscoveryResponse::default()
        };
        self.client
            .receive(Response::StateOfTheWorld(response), self.now);
    }

    pub(super) fn respond_delta(&mut self, nonce: &str, resources: Vec<Resource>, gone: &[&str]) {
        let response = DeltaDiscoveryResponse {
            system_version_info: nonce.to_owned(),
            nonce: nonce.to_owned(),
            type_url: TYPE.to_owned(),
            resources,
            removed_resources: gone.iter().map(|&name| name.to_owned()).collect(),
            ..DeltaDiscoveryResponse::default()
        };
        self.client.receive(Response::Delta(response), self.now);
    }

    /// What happened, in short.
    pub(super) fn events(&mut self) -> Vec<String> {
        let events = self.client.events();
        events.iter().map(short).collect()
    }
}

/// A resource in its wrapper.
pub(super) fn wrapped(name: &str, version: &str, text: Option<&str>, ttl: Option<i64>) -> Resource {
    Resource {
        name: name.to_owned(),
        version: version.to_owned(),
        resource: text.map(|text| note(name, text)),
        ttl: ttl.map(|seconds| protobuf::Duration { seconds, nanos: 0 }),
        ..Resource::default()
    }
}

fn short(event: &Event<String>) -> String {
    let name = &event.name;
    match &event.kind {
        EventKind::Updated { version, value, .. } => format!("{name} {version}: {value}"),
        EventKind::Unchanged { version } => format!("{name} {version}: unchanged"),
        EventKind::Refused { version, reason } => format!("{name} {version}: refused: {reason}"),
        EventKind::Empty => format!("{name}: empty"),
        EventKind::Removed => format!("{name}: removed"),
        EventKind::Expired => format!("{name}: expired"),
        EventKind::FetchTimedOut => format!("{name}: timed out"),
        EventKind::Disconnected { reason } => format!("{name}: disconnected: {reason}"),
    }
}
