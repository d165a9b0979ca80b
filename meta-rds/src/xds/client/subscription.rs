//! The resources of one type that are asked for.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::cut;
use crate::xds::{Event, EventKind, ResourceType};

/// What is asked of one type, what of it is there, and what is owed to the server.
#[derive(Debug)]
pub(super) struct Subscription<V> {
    pub(super) kind: ResourceType<V>,
    /// Those asked for; and of a type asked for whole, those that are there.
    pub(super) resources: BTreeMap<String, Resource>,
    /// Whether all there are are asked for.
    pub(super) all: bool,
    /// The last version whose every resource was good; in state of the world.
    pub(super) version: String,
    pub(super) stream: Stream,
    pub(super) refusals: Refusals,
}

/// What holds of one stream alone.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Whether anything has been asked on it.
    pub(super) has_begun: bool,
    /// Of the last response.
    pub(super) nonce: String,
    /// Whether what is asked for has changed since the last request; in state of
    /// the world.
    pub(super) is_changed: bool,
    /// The same for delta: names to add and to take back.
    pub(super) added: BTreeSet<String>,
    pub(super) removed: BTreeSet<String>,
    /// What is owed, the oldest first.
    pub(super) answers: VecDeque<Answer>,
    pub(super) ask_again_at: Option<Instant>,
}

/// An answer to a response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) nonce: String,
    /// What is wrong with it.
    pub(super) reason: Option<String>,
    pub(super) due: Instant,
}

/// A resource that is asked for.
#[derive(Debug, Default)]
pub(super) struct Resource {
    /// Whether it is asked for by name.
    pub(super) is_named: bool,
    /// The last good one.
    pub(super) held: Option<Bytes>,
    /// Its version, in delta; empty where the server has taken it back.
    pub(super) version: String,
    /// When it runs out.
    pub(super) expires: Option<Instant>,
    /// When the first fetch has taken too long.
    pub(super) deadline: Option<Instant>,
}

/// What was refused, so that a server that sends it again for ever costs little.
#[derive(Debug)]
pub(super) struct Refusals {
    base: Duration,
    max: Duration,
    /// The version and a digest of the contents refused last.
    last: Option<(String, u64)>,
    /// The wait before the next refusal of the same.
    wait: Duration,
    /// No refusal is told before.
    not_before: Option<Instant>,
}

impl<V> Subscription<V> {
    pub(super) fn new(kind: ResourceType<V>, refuse: [Duration; 2]) -> Self {
        Self {
            kind,
            resources: BTreeMap::new(),
            all: false,
            version: String::new(),
            stream: Stream::default(),
            refusals: Refusals::new(refuse),
        }
    }

    pub(super) fn add(&mut self, name: &str, deadline: Option<Instant>) {
        let resource = self.resources.entry(name.to_owned()).or_default();
        if resource.is_named {
            return;
        }
        resource.is_named = true;
        resource.deadline = deadline.filter(|_| resource.held.is_none());
        self.stream.is_changed = true;
        self.stream.removed.remove(name);
        self.stream.added.insert(name.to_owned());
    }

    pub(super) fn add_all(&mut self) {
        if !self.all {
            self.all = true;
            self.stream.is_changed = true;
            self.stream.added.insert("*".to_owned());
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        let Some(resource) = self.resources.get_mut(name) else {
            return;
        };
        match self.all {
            true => resource.is_named = false,
            false => drop(self.resources.remove(name)),
        }
        self.stream.is_changed = true;
        if !self.stream.added.remove(name) {
            self.stream.removed.insert(name.to_owned());
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.all || self.resources.values().any(|resource| resource.is_named)
    }

    /// The names asked for; none where all there are are asked for alone.
    pub(super) fn names(&self) -> Vec<String> {
        let named = self.resources.iter().filter(|(_, r)| r.is_named);
        let mut names: Vec<_> = named.map(|(name, _)| name.clone()).collect();
        if self.all && !names.is_empty() {
            names.push("*".to_owned());
        }
        names
    }

    /// Forgets what held of the stream that is gone.
    pub(super) fn start_over(&mut self) {
        self.stream = Stream::default();
    }

    /// What is owed to the server. Earlier answers that still wait go first.
    pub(super) fn answer(
        &mut self,
        nonce: String,
        reason: Option<String>,
        due: Instant,
        now: Instant,
    ) {
        for earlier in &mut self.stream.answers {
            earlier.due = earlier.due.min(now);
        }
        self.stream.nonce.clone_from(&nonce);
        self.stream.answers.push_back(Answer { nonce, reason, due });
    }

    pub(super) fn tick(&mut self, now: Instant, events: &mut Vec<Event<V>>) {
        let type_url = self.kind.type_url;
        for (name, resource) in &mut self.resources {
            let mut tell = |kind| {
                let name = name.clone();
                events.push(Event {
                    type_url,
                    name,
                    kind,
                });
            };
            if resource.deadline.take_if(|at| *at <= now).is_some() {
                tell(EventKind::FetchTimedOut);
            }
            if resource.expires.take_if(|at| *at <= now).is_some() {
                // So that it is sent again.
                resource.version.clear();
                tell(EventKind::Expired);
            }
        }
    }

    pub(super) fn next_wake(&self, is_up: bool) -> Option<Instant> {
        let resources = self.resources.values();
        let times = resources.flat_map(|resource| [resource.deadline, resource.expires]);
        // What is asked again waits until nothing is owed.
        let own = match self.stream.answers.front() {
            Some(answer) => Some(answer.due),
            None => self.stream.ask_again_at.filter(|_| self.is_wanted()),
        };
        times.chain([own.filter(|_| is_up)]).flatten().min()
    }

    /// What could not be read may be any of those asked for that were not.
    pub(super) fn tell_unreadable(
        &self,
        version: &str,
        reasons: &[String],
        read: &HashSet<String>,
        events: &mut Vec<Event<V>>,
    ) {
        let named = self.resources.iter().filter(|(_, r)| r.is_named);
        for (name, _) in named.filter(|(name, _)| !read.contains(*name)) {
            self.tell_refused(name, version, reasons, events);
        }
    }

    /// A resource that came is not taken, where anyone asked for it. Of the reasons only
    /// the first is told, since it may be told of many.
    pub(super) fn tell_refused(
        &self,
        name: &str,
        version: &str,
        reasons: &[String],
        events: &mut Vec<Event<V>>,
    ) {
        if let Some(reason) = reasons.first()
            && self.resources.contains_key(name)
        {
            events.push(Event {
                type_url: self.kind.type_url,
                name: name.to_owned(),
                kind: EventKind::Refused {
                    version: version.to_owned(),
                    reason: cut(reason).to_owned(),
                },
            });
        }
    }

    pub(super) fn tell_all(&self, events: &mut Vec<Event<V>>, kind: impl Fn() -> EventKind<V>) {
        let named = self.resources.iter().filter(|(_, r)| r.is_named);
        events.extend(named.map(|(name, _)| Event {
            type_url: self.kind.type_url,
            name: name.clone(),
            kind: kind(),
        }));
    }
}

impl Refusals {
    pub(super) fn new([base, max]: [Duration; 2]) -> Self {
        Self {
            base,
            max: max.max(base),
            last: None,
            wait: base,
            not_before: None,
        }
    }

    /// When the refusal of a response is to be told: at once, the first time.
    pub(super) fn refuse(&mut self, version: &str, contents: u64, now: Instant) -> Instant {
        let last = self.last.replace((version.to_owned(), contents));
        let is_same = last.is_some_and(|(v, c)| c == contents || (v == version && !v.is_empty()));
        let wait = match is_same {
            true => {
                let next = self.wait.saturating_mul(2).min(self.max);
                std::mem::replace(&mut self.wait, next)
            }
            false => {
                self.wait = self.base;
                Duration::ZERO
            }
        };
        let due = (now + wait).max(self.not_before.unwrap_or(now));
        self.not_before = Some(due + self.base);
        due
    }

    /// Something was right.
    pub(super) fn reset(&mut self) {
        self.last = None;
        self.wait = self.base;
    }
}
