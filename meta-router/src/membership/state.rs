//! What is known of each endpoint.

use super::*;

/// An endpoint, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointState {
    /// Where it is.
    pub address: Address,
    /// Its share of the requests: how often it is listed.
    pub weight: u32,
    /// Whether it gets requests.
    pub health: EndpointHealth,
    /// What was counted of it, by all workers.
    pub counts: EndpointCounts,
}

/// Whether an endpoint gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointHealth {
    /// It does.
    Healthy,
    /// Its server has asked for none: not while there are others.
    Draining,
    /// No connection could be made lately: not while there are others.
    Failing,
}

/// What was counted of an endpoint since it is one of the cluster's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointCounts {
    /// Connections made or tried.
    pub cx_total: u64,
    /// Connections open or being made.
    pub cx_active: i64,
    /// Connections that could not be made.
    pub cx_connect_fail: u64,
    /// Requests sent, those sent once more included.
    pub rq_total: u64,
    /// Requests sent that want an answer and have none yet.
    pub rq_active: i64,
    /// Requests that were answered, whatever the service said; one-way calls that
    /// were written.
    pub rq_success: u64,
    /// Requests that were answered with an error of the framework, or not answered.
    pub rq_error: u64,
    /// Of them: not in time.
    pub rq_timeout: u64,
}

impl EndpointCounts {
    fn add(&mut self, cells: &EndpointStats) {
        self.cx_total += cells.cx_total.value();
        self.cx_active += cells.cx_active.value();
        self.cx_connect_fail += cells.cx_connect_fail.value();
        self.rq_total += cells.rq_total.value();
        self.rq_active += cells.rq_active.value();
        self.rq_success += cells.rq_success.value();
        self.rq_error += cells.rq_error.value();
        self.rq_timeout += cells.rq_timeout.value();
    }
}

/// The members, each once.
pub(super) fn of(members: &[Arc<Member>]) -> Vec<EndpointState> {
    let mut places = HashMap::<_, usize, RandomState>::default();
    let mut states: Vec<EndpointState> = Vec::with_capacity(members.len());
    for member in members {
        let place = *places.entry(Arc::as_ptr(member)).or_insert(states.len());
        match states.get_mut(place) {
            Some(known) => known.weight += 1,
            None => states.push(member.state()),
        }
    }
    states
}

impl Member {
    fn state(&self) -> EndpointState {
        let mut counts = EndpointCounts::default();
        self.cells().iter().for_each(|cells| counts.add(cells));
        EndpointState {
            address: (*self.address()).clone(),
            weight: 1,
            health: match self.avoid.standing(now()) {
                Standing::Good => EndpointHealth::Healthy,
                Standing::Drains => EndpointHealth::Draining,
                Standing::Fails => EndpointHealth::Failing,
            },
            counts,
        }
    }
}
