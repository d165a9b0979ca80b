//! The state of the subscriptions over one stream.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use envoy_types::pb::{
    envoy::service::discovery::v3::{
        DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    },
    google::rpc::Status,
};

use super::{Backoff, Event, EventKind, Mode, ResourceType, Settings};
use crate::xds::client::subscription::{Refusals, Subscription};

mod delta;
mod request;
mod resource;
mod sotw;
mod subscription;

/// What is sent to a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    StateOfTheWorld(DiscoveryRequest),
    Delta(DeltaDiscoveryRequest),
}

/// What comes from a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Response {
    StateOfTheWorld(DiscoveryResponse),
    Delta(DeltaDiscoveryResponse),
}

/// The subscriptions over one stream, of any number of types.
///
/// Whoever drives it calls [`poll`](Self::poll) until there is nothing to send before
/// it hands in the next response: so nothing piles up here.
#[derive(Debug)]
pub(crate) struct Client<V> {
    settings: Settings,
    subscriptions: Vec<Subscription<V>>,
    link: Link,
    backoff: Backoff,
    /// Whether the node has been named on this stream.
    node_sent: bool,
    /// Refusals of types that nobody asked for.
    strangers: VecDeque<Stranger>,
    refusals: Refusals,
    events: Vec<Event<V>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Not before then is the next attempt; `None`: at once.
    Down(Option<Instant>),
    Connecting,
    Up,
}

#[derive(Debug)]
struct Stranger {
    type_url: String,
    nonce: String,
    due: Instant,
}

/// Of a reason, so many bytes are told.
const MAX_REASON: usize = 4096;
/// `INTERNAL`, which is what Envoy tells.
const INTERNAL: i32 = 13;

impl<V> Client<V> {
    /// A client of these types, in the order in which they are asked for.
    pub(crate) fn new(settings: Settings, types: Vec<ResourceType<V>>) -> Self {
        let [base, max] = settings.reconnect;
        let subscriptions = types
            .into_iter()
            .map(|kind| Subscription::new(kind, settings.refuse));
        Self {
            backoff: Backoff::new(base, max),
            subscriptions: subscriptions.collect(),
            link: Link::Down(None),
            node_sent: false,
            strangers: VecDeque::new(),
            refusals: Refusals::new(settings.refuse),
            events: Vec::new(),
            settings,
        }
    }

    /// Asks for the resource of that name. Where it has not come within `timeout`,
    /// that is an event; `None`: it may take as long as it takes.
    pub(crate) fn watch(
        &mut self,
        type_url: &str,
        name: &str,
        timeout: Option<Duration>,
        now: Instant,
    ) {
        let deadline = timeout.map(|timeout| now + timeout);
        if let Some(subscription) = self.subscription(type_url) {
            subscription.add(name, deadline);
        }
    }

    /// Asks for all there are, whatever their names.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for types whose names nobody knows")
    )]
    pub(crate) fn watch_all(&mut self, type_url: &str) {
        if let Some(subscription) = self.subscription(type_url) {
            subscription.add_all();
        }
    }

    /// Asks for it no longer.
    pub(crate) fn unwatch(&mut self, type_url: &str, name: &str) {
        if let Some(subscription) = self.subscription(type_url) {
            subscription.remove(name);
        }
    }

    /// The names that are asked for.
    pub(crate) fn names(&self, type_url: &str) -> Vec<String> {
        let mut subscriptions = self.subscriptions.iter();
        let subscription = subscriptions.find(|s| s.kind.type_url == type_url);
        subscription.map(Subscription::names).unwrap_or_default()
    }

    /// Whether there is anything to ask for; a stream without is to be closed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_wanted)
    }

    /// Whether it is time to connect.
    pub(crate) fn wants_to_connect(&self, now: Instant) -> bool {
        match self.link {
            Link::Down(at) => self.is_wanted() && at.is_none_or(|at| at <= now),
            Link::Connecting | Link::Up => false,
        }
    }

    /// The attempt has begun.
    pub(crate) fn connecting(&mut self) {
        self.link = Link::Connecting;
    }

    /// There is a new stream; nothing has been said on it.
    pub(crate) fn connected(&mut self) {
        self.link = Link::Up;
        self.start_over();
    }

    /// The stream, or the attempt, is over; `random` is any number out of all of
    /// `u64`.
    pub(crate) fn disconnected(&mut self, reason: &str, now: Instant, random: u64) {
        let wait = self.backoff.next(random);
        self.link = Link::Down(Some(now + wait));
        self.start_over();
        for subscription in &mut self.subscriptions {
            subscription.tell_all(&mut self.events, || EventKind::Disconnected {
                reason: reason.to_owned(),
            });
        }
    }

    /// The stream was closed because nothing is asked for.
    pub(crate) fn closed(&mut self) {
        self.link = Link::Down(None);
        self.start_over();
    }

    /// Takes a response. An answer is due; [`poll`](Self::poll) gives it.
    pub(crate) fn receive(&mut self, response: Response, now: Instant) {
        if self.link != Link::Up {
            return;
        }
        self.backoff.reset();
        let (type_url, nonce) = match &response {
            Response::StateOfTheWorld(raw) => (&raw.type_url, &raw.nonce),
            Response::Delta(raw) => (&raw.type_url, &raw.nonce),
        };
        let mut subscriptions = self.subscriptions.iter_mut();
        let Some(subscription) = subscriptions.find(|s| s.kind.type_url == *type_url) else {
            let due = self.refusals.refuse(type_url, 0, now);
            for earlier in &mut self.strangers {
                earlier.due = earlier.due.min(now);
            }
            self.strangers.push_back(Stranger {
                type_url: type_url.clone(),
                nonce: nonce.clone(),
                due,
            });
            return;
        };
        match response {
            Response::StateOfTheWorld(raw) => subscription.receive(raw, now, &mut self.events),
            Response::Delta(raw) => subscription.receive_delta(raw, now, &mut self.events),
        }
    }

    /// What is to be sent, one after the other, until there is nothing more.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Request> {
        if self.link != Link::Up {
            return None;
        }
        let mode = self.settings.mode;
        let is_due = |stranger: &&Stranger| stranger.due <= now;
        let stranger = self.strangers.front().filter(is_due).is_some();
        let stranger = stranger.then(|| self.strangers.pop_front()).flatten();
        let request = match stranger {
            Some(stranger) => Some(stranger.refuse(mode)),
            None => {
                let mut subscriptions = self.subscriptions.iter_mut();
                let again = self.settings.ask_again;
                subscriptions.find_map(|subscription| subscription.poll(mode, again, now))
            }
        };
        let mut request = request?;
        if !(self.node_sent && self.settings.node_once) {
            self.node_sent = true;
            let node = Some(self.settings.node.clone());
            match &mut request {
                Request::StateOfTheWorld(raw) => raw.node = node,
                Request::Delta(raw) => raw.node = node,
            }
        }
        Some(request)
    }

    /// Notices what is over by `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        for subscription in &mut self.subscriptions {
            subscription.tick(now, &mut self.events);
        }
    }

    /// When there is something to do, though nothing comes: to tick, poll or connect.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let is_up = self.link == Link::Up;
        let subscriptions = self.subscriptions.iter();
        let own = subscriptions.filter_map(|s| s.next_wake(is_up));
        let strangers = self.strangers.iter().map(|stranger| stranger.due);
        let own = own.chain(strangers).min();
        match self.link {
            Link::Down(Some(at)) if self.is_wanted() => Some(own.map_or(at, |own| own.min(at))),
            _ => own,
        }
    }

    /// What has happened since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event<V>> {
        std::mem::take(&mut self.events)
    }

    fn start_over(&mut self) {
        self.node_sent = false;
        self.strangers.clear();
        for subscription in &mut self.subscriptions {
            subscription.start_over();
        }
    }

    fn subscription(&mut self, type_url: &str) -> Option<&mut Subscription<V>> {
        let mut subscriptions = self.subscriptions.iter_mut();
        subscriptions.find(|subscription| subscription.kind.type_url == type_url)
    }
}

impl Stranger {
    fn refuse(self, mode: Mode) -> Request {
        let Self {
            type_url, nonce, ..
        } = self;
        let reason = format!("nobody asked for resources of the type {type_url:?}");
        let error_detail = Some(status(&reason));
        match mode {
            Mode::StateOfTheWorld => Request::StateOfTheWorld(DiscoveryRequest {
                type_url,
                response_nonce: nonce,
                error_detail,
                ..DiscoveryRequest::default()
            }),
            Mode::Delta => Request::Delta(DeltaDiscoveryRequest {
                type_url,
                response_nonce: nonce,
                error_detail,
                ..DeltaDiscoveryRequest::default()
            }),
        }
    }
}

fn status(reason: &str) -> Status {
    Status {
        code: INTERNAL,
        message: cut(reason).to_owned(),
        details: Vec::new(),
    }
}

/// As much of a reason as is told.
fn cut(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}
