//! Whatever happens, in whatever order.

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*};

use super::{EventKind, Mode, Request, Scene, TYPE, note, wrapped};
use crate::xds::Response;

#[derive(Clone, Debug)]
enum Step {
    Watch(u8),
    Unwatch(u8),
    Connect,
    Disconnect(u64),
    Respond(Vec<(u8, u8)>, u8),
    Stranger,
    Pass(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4u8).prop_map(Step::Watch),
        1 => (0..4u8).prop_map(Step::Unwatch),
        2 => Just(Step::Connect),
        1 => any::<u64>().prop_map(Step::Disconnect),
        6 => (vec((0..5u8, 0..5u8), 0..4), 0..3u8).prop_map(|(r, v)| Step::Respond(r, v)),
        1 => Just(Step::Stranger),
        4 => (0..20_000u32).prop_map(Step::Pass),
    ]
}

/// Texts of which some mean the same, and some nothing.
const TEXTS: [&str; 5] = ["xy", "yx", "z", "bad", "bad too"];

/// What is owed on a stream, and what has been answered.
#[derive(Default)]
struct Server {
    next: u64,
    owed: Vec<String>,
}

impl Server {
    fn nonce(&mut self) -> String {
        self.next += 1;
        let nonce = format!("n{}", self.next);
        self.owed.push(nonce.clone());
        nonce
    }

    fn take(&mut self, requests: Vec<Request>) -> Result<(), TestCaseError> {
        // One for each response, and what is asked anew beside it.
        prop_assert!(requests.len() <= self.owed.len() + 2);
        for request in requests {
            let (nonce, is_answer) = match request {
                Request::StateOfTheWorld(r) => (r.response_nonce, r.error_detail.is_some()),
                Request::Delta(r) => (r.response_nonce, r.error_detail.is_some()),
            };
            let owed = self.owed.iter().position(|owed| *owed == nonce);
            match owed {
                Some(at) => drop(self.owed.remove(at)),
                // Names have changed since the last answer, which it repeats.
                None => prop_assert!(!is_answer, "{nonce:?} is refused, and was answered"),
            }
        }
        Ok(())
    }
}

fn run(mode: Mode, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut scene = Scene::new(mode);
    let mut server = Server::default();
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let mut up = false;
    for step in steps {
        match step {
            Step::Watch(name) => scene.client.watch(TYPE, &name.to_string(), None, scene.now),
            Step::Unwatch(name) => {
                scene.client.unwatch(TYPE, &name.to_string());
                held.remove(&name.to_string());
            }
            Step::Connect if scene.client.wants_to_connect(scene.now) => {
                prop_assert!(!up);
                scene.connect();
                up = true;
            }
            Step::Connect => {}
            Step::Disconnect(random) => {
                scene.client.disconnected("gone", scene.now, random);
                server.owed.clear();
                up = false;
            }
            Step::Respond(resources, version) if up => {
                let nonce = server.nonce();
                let resources = resources.iter().map(|(name, text)| {
                    let text = TEXTS[usize::from(*text)];
                    (name.to_string(), text)
                });
                match mode {
                    Mode::StateOfTheWorld => {
                        let resources = resources.map(|(name, text)| note(&name, text));
                        scene.respond(&version.to_string(), &nonce, resources.collect());
                    }
                    Mode::Delta => {
                        let version = version.to_string();
                        let resources = resources
                            .map(|(name, text)| wrapped(&name, &version, Some(text), None));
                        scene.respond_delta(&nonce, resources.collect(), &["2"]);
                    }
                }
            }
            Step::Stranger if up && mode == Mode::StateOfTheWorld => {
                let nonce = server.nonce();
                let response = envoy_types::pb::envoy::service::discovery::v3::DiscoveryResponse {
                    type_url: "type.googleapis.com/who.Knows".to_owned(),
                    nonce,
                    ..Default::default()
                };
                scene
                    .client
                    .receive(Response::StateOfTheWorld(response), scene.now);
            }
            Step::Respond(..) | Step::Stranger => {}
            Step::Pass(millis) => scene.pass(millis.into()),
        }
        for event in scene.client.events() {
            match event.kind {
                EventKind::Updated { value, .. } => {
                    let before = held.insert(event.name, value.clone());
                    let sorted = |text: &str| {
                        let mut letters: Vec<_> = text.chars().collect();
                        letters.sort_unstable();
                        letters
                    };
                    let is_new = before.is_none_or(|before| sorted(&before) != sorted(&value));
                    prop_assert!(is_new, "{value:?} is told though it was there");
                    prop_assert!(!value.starts_with("bad"));
                }
                EventKind::Unchanged { .. } => prop_assert!(held.contains_key(&event.name)),
                _ => {}
            }
        }
        let requests = scene.requests();
        prop_assert!(up || requests.is_empty());
        server.take(requests)?;
    }
    // Whatever is still owed comes within the longest wait.
    let end = scene.now + Duration::from_secs(5);
    while let Some(at) = scene.client.next_wake().filter(|at| *at <= end && up) {
        prop_assert!(at > scene.now, "it has to be done already");
        scene.now = at;
        scene.client.tick(scene.now);
        let requests = scene.requests();
        server.take(requests)?;
    }
    prop_assert_eq!(&server.owed, &Vec::<String>::new());
    Ok(())
}

proptest! {
    #[test]
    fn every_response_is_answered_once_in_state_of_the_world(steps in vec(step(), 0..60)) {
        run(Mode::StateOfTheWorld, steps)?;
    }

    #[test]
    fn every_response_is_answered_once_in_delta(steps in vec(step(), 0..60)) {
        run(Mode::Delta, steps)?;
    }
}
