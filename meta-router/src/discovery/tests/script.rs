//! A resolver that answers by heart.

use std::{collections::HashMap, sync::Mutex};

use meta_core::BoxFuture;

use super::*;

/// Answers what it was told, and remembers when it was asked.
#[derive(Default)]
pub(super) struct Script(Mutex<State>);

#[derive(Default)]
struct State {
    answers: HashMap<(String, IpFamily), Result<DnsAnswer, DnsError>>,
    asked: Vec<(String, IpFamily, Instant)>,
    hangs: bool,
}

impl Script {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// These are the addresses of `name` from here on, of both families.
    pub(super) fn set(&self, name: &str, ttl: u64, addresses: &[&str]) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().expect(ip)).collect();
        for family in [IpFamily::V4, IpFamily::V6] {
            let is_v4 = family == IpFamily::V4;
            let of_family = addresses.iter().filter(|ip| ip.is_ipv4() == is_v4);
            let answer = DnsAnswer {
                addresses: of_family.copied().collect(),
                ttl: Duration::from_secs(ttl),
            };
            self.put(name, family, Ok(answer));
        }
    }

    /// Nobody can be asked for `name` from here on.
    pub(super) fn fail(&self, name: &str) {
        for family in [IpFamily::V4, IpFamily::V6] {
            self.fail_for(name, family);
        }
    }

    pub(super) fn fail_for(&self, name: &str, family: IpFamily) {
        self.put(name, family, Err(DnsError::new("out of order")));
    }

    fn put(&self, name: &str, family: IpFamily, answer: Result<DnsAnswer, DnsError>) {
        let mut state = self.0.lock().expect("no panic");
        state.answers.insert((name.to_owned(), family), answer);
    }

    pub(super) fn hang(&self) {
        self.0.lock().expect("no panic").hangs = true;
    }

    /// When `name` was asked for, in seconds; for IPv4 addresses.
    pub(super) fn asked(&self, name: &str) -> Vec<f64> {
        let state = self.0.lock().expect("no panic");
        let first = state.asked.first().map(|(.., at)| *at);
        let own = state.asked.iter();
        let own = own.filter(|(asked, family, _)| asked == name && *family == IpFamily::V4);
        let since = |at: &Instant| first.map_or(0.0, |first| (*at - first).as_secs_f64());
        own.map(|(.., at)| since(at)).collect()
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, query: DnsQuery<'a>) -> BoxFuture<'a, Result<DnsAnswer, DnsError>> {
        let mut state = self.0.lock().expect("no panic");
        let key = (query.name.to_owned(), query.family);
        state
            .asked
            .push((key.0.clone(), query.family, Instant::now()));
        let answer = state.answers.get(&key).cloned();
        let hangs = state.hangs;
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            answer.unwrap_or_else(|| Ok(DnsAnswer::default()))
        })
    }
}
