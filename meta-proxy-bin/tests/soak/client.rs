//! Clients, with manners and without.

use std::{collections::HashMap, ops::AddAssign, time::Duration};

use codec_thrift::wire::{Form, MessageBuilder, MessageType, Parsed, Transport};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{LIMIT, PATIENCE, wire::Wire};

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
    /// Of them: answered by a server.
    pub(crate) answered: u64,
    /// Answered by the proxy.
    pub(crate) failed: u64,
    /// Not answered, being taken for one-way calls.
    pub(crate) unanswered: u64,
    /// Calls of clients that went away.
    pub(crate) abandoned: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.failed += other.failed;
        self.unanswered += other.unanswered;
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
            let form = Form::ALL[self.below(Form::ALL.len())];
            let visit = self.visit(wire, form);
            let visited = timeout(PATIENCE, visit).await;
            visited.expect("every call and every connection comes to an end");
        }
        self.tally
    }

    async fn visit(&mut self, wire: Wire, form: Form) {
        let kinds = match self.manners {
            Manners::Good => 3,
            Manners::Any => 7,
        };
        match self.below(kinds) {
            0 => self.one_by_one(wire, form).await,
            1 => self.pipelined(wire, form).await,
            2 => {
                self.too_long(wire, Form::new(Transport::Framed, form.protocol))
                    .await
            }
            3 => self.one_way(wire, form).await,
            4 => self.reset(wire, form).await,
            5 => self.half_a_message(wire, form).await,
            _ => self.nonsense(wire).await,
        }
    }

    /// Waits for each answer; each has to come.
    async fn one_by_one(&mut self, mut wire: Wire, form: Form) {
        for seqid in 1..=5 {
            let call = self.call(form, seqid);
            self.ask(&mut wire, seqid, &call).await;
        }
    }

    /// Sends all at once, closes its sending side and reads to the end.
    async fn pipelined(&mut self, mut wire: Wire, form: Form) {
        let calls: HashMap<_, _> = (1..=8).map(|id| (id, self.call(form, id))).collect();
        let bytes: Vec<u8> = calls.values().flat_map(|call| call.1.clone()).collect();
        wire.send(&bytes).await;
        let _ = wire.stream.shutdown().await;
        self.read_to_the_end(wire, calls).await;
    }

    /// An answer to a call over the limit, and to the next.
    async fn too_long(&mut self, mut wire: Wire, form: Form) {
        let text = "x".repeat(LIMIT + 1);
        let call = MessageBuilder::call(form, "echo").seqid(1).string(1, &text);
        wire.send(&call.build()).await;
        let reply = wire.receive().await.expect("an answer");
        let (_, said) = reply.exception().expect("a refusal");
        assert!(said.starts_with("message_too_large"), "{said}");
        self.tally.calls += 1;
        self.tally.failed += 1;
        let call = self.call(form, 2);
        self.ask(&mut wire, 2, &call).await;
    }

    async fn one_way(&mut self, mut wire: Wire, form: Form) {
        let notice = MessageBuilder::new(form, MessageType::OneWay, "notify");
        let notice = notice.seqid(9).string(1, "take note").build();
        for seqid in 1..=2 {
            wire.send(&notice).await;
            let call = self.call(form, seqid);
            self.ask(&mut wire, seqid, &call).await;
        }
    }

    /// Goes away amid its calls.
    async fn reset(&mut self, mut wire: Wire, form: Form) {
        for seqid in 1..=4 {
            let (_, bytes) = self.call(form, seqid);
            wire.send(&bytes).await;
        }
        self.tally.abandoned += 4;
        let time = self.below(20) as u64;
        sleep(Duration::from_millis(time)).await;
        let _ = wire.stream.set_zero_linger();
    }

    async fn half_a_message(&mut self, mut wire: Wire, form: Form) {
        let call = self.call(form, 1);
        wire.send(&call.1).await;
        let (_, half) = self.call(form, 2);
        wire.send(&half[..half.len() / 2]).await;
        let _ = wire.stream.shutdown().await;
        self.read_to_the_end(wire, HashMap::from([(1, call)])).await;
    }

    /// Expects no more than the end.
    async fn nonsense(&mut self, mut wire: Wire) {
        let mut bytes: Vec<u8> = (0..100).map(|_| self.below(256) as u8).collect();
        bytes[0] |= 0xf0;
        wire.send(&bytes).await;
        let _ = wire.stream.shutdown().await;
        while wire.receive().await.is_some() {}
    }

    /// Sends a call and waits for its answer.
    async fn ask(&mut self, wire: &mut Wire, seqid: i32, (text, bytes): &(String, Vec<u8>)) {
        self.tally.calls += 1;
        wire.send(bytes).await;
        let reply = wire.receive().await.expect("the connection stays open");
        assert_eq!(reply.seqid, seqid);
        self.note(&reply, text);
    }

    async fn read_to_the_end(
        &mut self,
        mut wire: Wire,
        mut calls: HashMap<i32, (String, Vec<u8>)>,
    ) {
        self.tally.calls += calls.len() as u64;
        while let Some(reply) = wire.receive().await {
            let (text, _) = calls.remove(&reply.seqid).expect("one answer for each");
            self.note(&reply, &text);
        }
        self.tally.unanswered += calls.len() as u64;
    }

    fn note(&mut self, reply: &Parsed, text: &str) {
        match reply.kind {
            MessageType::Reply => {
                assert_eq!(reply.string(0), Some(text), "another's answer");
                self.tally.answered += 1;
            }
            _ => {
                let (_, said) = reply.exception().expect("an answer");
                assert!(!said.is_empty());
                self.tally.failed += 1;
            }
        }
    }

    /// A call with a text that no other has.
    fn call(&mut self, form: Form, seqid: i32) -> (String, Vec<u8>) {
        let name = match self.below(32) {
            0 => "silent",
            1 => "hang_up",
            2 | 3 => "slow",
            _ => "echo",
        };
        let text = format!("{:x}", self.next()).repeat(1 + self.below(100));
        let call = MessageBuilder::call(form, name)
            .seqid(seqid)
            .string(1, &text);
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
