//! The filter.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use meta_core::{
    BoxFuture, Filter, Flow, LocalReply, Mutation, ReplyKind, Request, Verdict, stats::Cell,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    config::{FairShareConfig, ShareConfig},
    stats::FairShareStats,
};

/// One value for all workers: shares are of the process.
#[derive(Debug)]
pub(crate) struct FairShareFilter {
    attribute: String,
    class_header: Option<Arc<str>>,
    tenants: HashMap<String, Share>,
    others: Option<Share>,
    stats: Arc<FairShareStats>,
}

/// What a tenant may have under way.
#[derive(Debug)]
struct Share {
    places: Arc<Semaphore>,
    is_none: bool,
    wait: Duration,
    class: Option<Arc<str>>,
}

/// What the filter remembers of one request: its place, which it leaves when this
/// is dropped, however the request ends.
#[derive(Debug, Default)]
pub(crate) enum Claim {
    #[default]
    None,
    Held(#[expect(dead_code, reason = "held for its drop")] Place),
    /// The place comes with the end of the wait.
    Awaited(#[expect(dead_code, reason = "held for its drop")] Arc<OnceLock<Place>>),
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct Place {
    stats: Arc<FairShareStats>,
    _permit: OwnedSemaphorePermit,
}

impl Filter for FairShareFilter {
    type State = Claim;

    fn on_request(&self, claim: &mut Claim, request: &mut Request) -> Flow {
        // What belongs to a stream passes with the request that opened it.
        if !request.metadata().kind.is_call() {
            return Flow::Continue;
        }
        let tenant = request.metadata().get(&self.attribute);
        let named = tenant.and_then(|tenant| self.tenants.get(tenant));
        let share = match named.or(self.others.as_ref()) {
            Some(share) if !share.is_none => share,
            _ => return self.refuse(ReplyKind::Denied, "this tenant has no share"),
        };
        match share.places.clone().try_acquire_owned() {
            Ok(permit) => {
                *claim = Claim::Held(Place::take(permit, &self.stats));
                request.mutation.extend(&self.class_of(share));
                Flow::Continue
            }
            Err(_) if share.wait.is_zero() => self.refuse(ReplyKind::RateLimited, FULL),
            Err(_) => {
                let place = Arc::new(OnceLock::new());
                *claim = Claim::Awaited(place.clone());
                Flow::Wait(self.wait(share, place))
            }
        }
    }

    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        self.stats.visit(visit);
    }
}

const FULL: &str = "this tenant has its share under way";

impl FairShareFilter {
    pub(crate) fn new(config: FairShareConfig) -> Self {
        let tenants = config.tenants.into_iter();
        Self {
            attribute: config.attribute,
            class_header: config.class_header.map(Into::into),
            tenants: tenants.map(|(name, share)| (name, share.into())).collect(),
            others: config.others.map(Into::into),
            stats: Arc::default(),
        }
    }

    fn refuse(&self, kind: ReplyKind, detail: &'static str) -> Flow {
        self.stats.refused.inc();
        Flow::Reply(LocalReply::new(kind, detail))
    }

    /// Waits for a place, and puts it where the request's state finds it. The future
    /// bounds itself: no timeout runs yet.
    fn wait(&self, share: &Share, place: Arc<OnceLock<Place>>) -> BoxFuture<'static, Verdict> {
        self.stats.waited.inc();
        let (stats, mutation) = (self.stats.clone(), self.class_of(share));
        let permit = timeout(share.wait, share.places.clone().acquire_owned());
        Box::pin(async move {
            match permit.await {
                Ok(Ok(permit)) => {
                    // No one else sets it.
                    let _ = place.set(Place::take(permit, &stats));
                    Verdict::Continue(mutation)
                }
                _ => {
                    stats.refused.inc();
                    Verdict::Reply(LocalReply::new(ReplyKind::RateLimited, FULL))
                }
            }
        })
    }

    /// Tells servers the tenant's class, and nothing that a client made up.
    fn class_of(&self, share: &Share) -> Mutation {
        let mut mutation = Mutation::new();
        match (&self.class_header, &share.class) {
            (Some(header), Some(class)) => mutation.set(header.clone(), class.clone()),
            (Some(header), None) => mutation.remove(header.clone()),
            (None, _) => {}
        }
        mutation
    }
}

impl From<ShareConfig> for Share {
    fn from(config: ShareConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.in_flight)),
            is_none: config.in_flight == 0,
            wait: Duration::from_millis(config.wait_ms),
            class: config.class.map(Into::into),
        }
    }
}

impl Place {
    fn take(permit: OwnedSemaphorePermit, stats: &Arc<FairShareStats>) -> Self {
        stats.passed.inc();
        stats.active.inc();
        Self {
            stats: stats.clone(),
            _permit: permit,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stats.active.dec();
    }
}
