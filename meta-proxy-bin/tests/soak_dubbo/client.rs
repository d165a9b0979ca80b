//! Clients, with manners and without.

use std::{collections::HashMap, ops::AddAssign, time::Duration};

use codec_dubbo::wire::{Answer, Serialization, Value, ping};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    LIMIT, PATIENCE,
    wire::{Wire, call},
};

/// Which clients come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Those that read what they are sent.
    Good,
    /// Besides, those that break off or talk nonsense.
    Any,
}

/// What clients have seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Calls of clients that stay to the end.
    pub(crate) calls: u64,
    /// Of them: answered by a provider.
    pub(crate) answered: u64,
    /// Answered by the proxy.
    pub(crate) failed: u64,
    /// Calls of clients that went away.
    pub(crate) abandoned: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.failed += other.failed;
        self.abandoned += other.abandoned;
    }
}

/// One connection after the other.
pub(crate) struct Client {
    address: String,
    manners: Manners,
    random: u64,
    tally: Tally,
}

impl Client {
    pub(crate) fn new(address: String, manners: Manners, seed: u64) -> Self {
        Self {
            address,
            manners,
            random: seed,
            tally: Tally::default(),
        }
    }

    pub(crate) async fn run(mut self, until: Instant) -> Tally {
        while Instant::now() < until {
            let connected = TcpStream::connect(&self.address).await;
            let wire = Wire::new(connected.expect("it listens"));
            let visited = timeout(PATIENCE, self.visit(wire)).await;
            visited.expect("every call and every connection comes to an end");
        }
        self.tally
    }

    async fn visit(&mut self, wire: Wire) {
        let kinds = match self.manners {
            Manners::Good => 4,
            Manners::Any => 9,
        };
        match self.below(kinds) {
            0 => self.one_by_one(wire).await,
            1 => self.pipelined(wire).await,
            2 => self.too_long(wire).await,
            3 => self.called_back(wire).await,
            4 => self.one_way(wire).await,
            5 => self.reset(wire, "echo").await,
            6 => self.reset(wire, "call_back").await,
            7 => self.half_a_message(wire).await,
            _ => self.nonsense(wire).await,
        }
    }

    /// Waits for each answer; each has to come.
    async fn one_by_one(&mut self, mut wire: Wire) {
        for id in 0..5 {
            if self.below(2) == 0 {
                wire.send(&ping(id)).await;
            }
            let call = self.call(id);
            self.ask(&mut wire, id, &call).await;
        }
    }

    /// Sends all at once, closes its sending side and reads to the end.
    async fn pipelined(&mut self, mut wire: Wire) {
        let calls: HashMap<_, _> = (0..8).map(|id| (id, self.call(id))).collect();
        let bytes: Vec<u8> = calls.values().flat_map(|call| call.1.clone()).collect();
        wire.send(&bytes).await;
        let _ = wire.stream.shutdown().await;
        self.read_to_the_end(wire, calls).await;
    }

    /// An answer to a call over the limit, and to the next.
    async fn too_long(&mut self, mut wire: Wire) {
        let long = call("echo", 1, &"x".repeat(LIMIT + 1));
        wire.send(&long.build()).await;
        let reply = wire.answer().await.expect("an answer");
        let said = reply.error.expect("a refusal");
        assert!(said.starts_with("message_too_large"), "{said}");
        self.tally.calls += 1;
        self.tally.failed += 1;
        let call = self.call(2);
        self.ask(&mut wire, 2, &call).await;
    }

    /// Registers a callback, and answers what comes of it.
    async fn called_back(&mut self, mut wire: Wire) {
        for id in 0..3 {
            let text = format!("{:x}", self.next());
            let call = call("call_back", id, &text).attachment("sys_callback_arg-0", "7");
            self.ask(&mut wire, id, &(text, call.build())).await;
        }
    }

    async fn one_way(&mut self, mut wire: Wire) {
        for id in 0..3 {
            let notice = call("notify", id, "take note").one_way();
            wire.send(&notice.build()).await;
            let call = self.call(id);
            self.ask(&mut wire, id, &call).await;
        }
    }

    /// Goes away amid its calls.
    async fn reset(&mut self, mut wire: Wire, method: &str) {
        for id in 0..4 {
            let mut call = call(method, id, "x");
            if method == "call_back" {
                call = call.attachment("sys_callback_arg-0", "7");
            }
            wire.send(&call.build()).await;
        }
        self.tally.abandoned += 4;
        let time = self.below(20) as u64;
        sleep(Duration::from_millis(time)).await;
        let _ = wire.stream.set_zero_linger();
    }

    async fn half_a_message(&mut self, mut wire: Wire) {
        let call = self.call(1);
        wire.send(&call.1).await;
        let (_, half) = self.call(2);
        wire.send(&half[..half.len() / 2]).await;
        let _ = wire.stream.shutdown().await;
        self.read_to_the_end(wire, HashMap::from([(1, call)])).await;
    }

    /// Expects no more than the end.
    async fn nonsense(&mut self, mut wire: Wire) {
        let bytes: Vec<u8> = (0..100).map(|_| self.below(256) as u8 & !1).collect();
        wire.send(&bytes).await;
        let _ = wire.stream.shutdown().await;
        while wire.receive().await.is_some() {}
    }

    /// Sends a call and waits for its answer.
    async fn ask(&mut self, wire: &mut Wire, id: u64, (text, bytes): &(String, Vec<u8>)) {
        self.tally.calls += 1;
        wire.send(bytes).await;
        let answer = wire.answer().await.expect("the connection stays open");
        assert_eq!(answer.id, id);
        self.note(&answer, text);
    }

    async fn read_to_the_end(
        &mut self,
        mut wire: Wire,
        mut calls: HashMap<u64, (String, Vec<u8>)>,
    ) {
        self.tally.calls += calls.len() as u64;
        while let Some(answer) = wire.answer().await {
            let (text, _) = calls.remove(&answer.id).expect("one answer for each");
            self.note(&answer, &text);
        }
        assert!(calls.is_empty(), "all calls are answered");
    }

    fn note(&mut self, answer: &Answer, text: &str) {
        match (&answer.value, answer.status) {
            (Some(Value::String(said)), 20) => {
                assert_eq!(said, text, "another's answer");
                self.tally.answered += 1;
            }
            _ => {
                let said = answer.error.as_deref();
                assert!(said.is_some_and(|said| !said.is_empty()), "{answer:?}");
                self.tally.failed += 1;
            }
        }
    }

    /// A call with a text that no other has.
    fn call(&mut self, id: u64) -> (String, Vec<u8>) {
        let method = match self.below(64) {
            0 | 1 => "silent",
            2 | 3 => "hang_up",
            4 => "late",
            5..8 => "slow",
            8..12 => "twice",
            12..16 => "beat",
            _ => "echo",
        };
        let form = match self.below(4) {
            0 => Serialization::Fastjson2,
            _ => Serialization::Hessian2,
        };
        let text = format!("{:x}", self.next()).repeat(1 + self.below(100));
        let call = call(method, id, &text).serialization(form);
        (text, call.build())
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
