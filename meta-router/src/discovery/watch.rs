//! Following one name.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use tokio::sync::oneshot;

use super::{lookup::Lookup, resolve::Resolve, target::Share};
use crate::endpoints::DnsConfig;

/// A failure in a row beyond which pauses grow no longer: the bound is far below.
const MAX_DOUBLINGS: u32 = 16;

/// One name, and who wants to know of it.
pub(super) struct Watch {
    pub(super) name: Arc<str>,
    pub(super) config: DnsConfig,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) shares: Vec<Share>,
    /// Told, or dropped, when the first attempt has ended.
    pub(super) first: Option<oneshot::Sender<()>>,
}

impl Watch {
    /// Asks again and again.
    pub(super) async fn run(mut self) {
        let mut lookup = Lookup::default();
        let mut failures = 0;
        loop {
            for share in &self.shares {
                share.stats().update_attempt.inc();
            }
            let asked = lookup.ask(&*self.resolver, &self.name, &self.config);
            let outcome = asked.await;
            for share in &self.shares {
                share.take(&self.name, &outcome);
            }
            let problem = match &outcome {
                Ok(answer) if answer.addresses.is_empty() => Some("it has no addresses".to_owned()),
                Ok(_) => None,
                Err(error) => Some(error.to_string()),
            };
            let pause = match (&outcome, &problem) {
                (Ok(answer), None) => {
                    if failures > 0 {
                        tracing::info!(name = &*self.name, "the name can be resolved again");
                    }
                    failures = 0;
                    self.after_answer(answer.ttl)
                }
                (_, problem) => {
                    let problem = problem.as_deref().unwrap_or_default();
                    // Once; the counters tell how often since.
                    if failures == 0 {
                        tracing::warn!(
                            name = &*self.name,
                            problem,
                            "cannot resolve a name; the addresses known stay"
                        );
                    }
                    failures += 1;
                    self.after_failure(failures)
                }
            };
            if let Some(first) = self.first.take() {
                // Whether anyone waits for it or not.
                let _ = first.send(());
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn after_answer(&self, ttl: Duration) -> Duration {
        let config = &self.config;
        let rate = match config.respect_ttl && !ttl.is_zero() {
            true => ttl.max(config.min_ttl),
            false => config.refresh_rate,
        };
        rate + config.jitter.mul_f64(rand::rng().random())
    }

    /// The pause after so many failures in a row.
    fn after_failure(&self, failures: u32) -> Duration {
        let Some(backoff) = self.config.failure_refresh else {
            return self.after_answer(Duration::ZERO);
        };
        let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
        let pause = backoff.base.saturating_mul(1 << doublings).min(backoff.max);
        pause.mul_f64(1.0 - rand::rng().random::<f64>() / 2.0)
    }
}
