//! Requests that servers sent to this client and that it has not answered.

use std::{collections::VecDeque, time::Instant};

use meta_core::{Answer, LocalReply, Message, ReplyKind, WireId};

/// Beyond this many the oldest is given up.
const MAX_WAITING: usize = 1024;

/// The id table of the direction from servers to the client: our ids are
/// consecutive, so that the table is a window over them.
#[derive(Default)]
pub(super) struct ServerCalls {
    /// The id of the first entry, less one.
    base: u64,
    window: VecDeque<Option<Asked>>,
}

struct Asked {
    answer: Box<dyn Answer>,
    at: Instant,
}

impl ServerCalls {
    /// Whether a server that asked at `since` or later waits for an answer.
    pub(super) fn is_asked(&self, since: Option<Instant>) -> bool {
        let asked = self.window.iter().flatten();
        asked
            .filter(|asked| since.is_none_or(|since| asked.at >= since))
            .any(|asked| asked.answer.is_wanted())
    }

    /// The id, at most `last_id`, under which a server's request goes to the
    /// client.
    pub(super) fn register(
        &mut self,
        answer: Box<dyn Answer>,
        last_id: u64,
        at: Instant,
    ) -> WireId {
        if self.base + self.window.len() as u64 >= last_id {
            self.window.drain(..).flatten().for_each(give_up);
            self.base = 0;
        }
        if self.window.len() >= MAX_WAITING {
            self.window
                .pop_front()
                .flatten()
                .into_iter()
                .for_each(give_up);
            self.base += 1;
        }
        self.window.push_back(Some(Asked { answer, at }));
        WireId(self.base + self.window.len() as u64)
    }

    /// Hands the client's answer to the server that asked; `false` where nobody
    /// did.
    pub(super) fn answer(&mut self, id: WireId, answer: Result<Message, LocalReply>) -> bool {
        let index = id.0.checked_sub(self.base + 1);
        let waiting = index
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.window.get_mut(index))
            .and_then(Option::take);
        while let Some(None) = self.window.front() {
            self.window.pop_front();
            self.base += 1;
        }
        match waiting {
            Some(waiting) => {
                waiting.answer.answer(answer);
                true
            }
            None => false,
        }
    }
}

fn give_up(waiting: Asked) {
    waiting.answer.answer(Err(LocalReply::new(
        ReplyKind::Overflow,
        "the client answers no requests",
    )));
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use meta_core::{MessageKind, Metadata};

    use super::*;

    type Seen = Arc<Mutex<Vec<(u32, bool)>>>;

    struct Probe(u32, Seen);

    impl Answer for Probe {
        fn answer(self: Box<Self>, answer: Result<Message, LocalReply>) {
            self.1
                .lock()
                .expect("no panic")
                .push((self.0, answer.is_ok()));
        }

        fn is_wanted(&self) -> bool {
            true
        }
    }

    fn message() -> Message {
        let metadata = Metadata::new(MessageKind::Response, WireId(0));
        Message::new(metadata, Bytes::new())
    }

    #[test]
    fn each_answer_finds_its_asker_once() {
        let seen = Seen::default();
        let mut calls = ServerCalls::default();
        let ids: Vec<_> = (0..4)
            .map(|n| calls.register(Box::new(Probe(n, seen.clone())), u64::MAX, Instant::now()))
            .collect();
        for n in [2, 0, 3, 1] {
            assert!(calls.answer(ids[n], Ok(message())));
            assert!(!calls.answer(ids[n], Ok(message())), "only once");
        }
        assert!(!calls.answer(WireId(0), Ok(message())));
        assert!(!calls.answer(WireId(99), Ok(message())));
        let order: Vec<_> = seen.lock().expect("no panic").iter().map(|s| s.0).collect();
        assert_eq!(order, [2, 0, 3, 1]);
        assert!(calls.window.is_empty());
    }

    #[test]
    fn ids_wrap_and_the_table_is_bounded() {
        let seen = Seen::default();
        let mut calls = ServerCalls::default();
        for n in 0..2_000 {
            let id = calls.register(Box::new(Probe(n, seen.clone())), 1_500, Instant::now());
            assert!((1..=1_500).contains(&id.0), "{id}");
            assert!(calls.window.len() <= MAX_WAITING);
        }
        let given_up = seen.lock().expect("no panic").len();
        assert_eq!(given_up + calls.window.len(), 2_000);
    }
}
