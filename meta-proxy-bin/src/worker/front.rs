//! Where connections come in on one worker: filter chains are chosen, and connections
//! driven.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use meta_codec::{Downstream, Transport};
use meta_core::{ConnectionInfo, ResolveRoute, Session, TlsInfo};
use meta_tls::{HandshakeError, Handshakes, ServerTls, TlsTransport};
use tokio::{net::TcpStream, task::JoinSet};

use super::{Plan, connection::Connection, stack::Stack};
use crate::{
    arrival::{Arrival, Inbound},
    dispatch::Incoming,
    inspect::inspect,
    listener::{Listener, Place},
};

/// One listener, as one worker sees it.
pub(super) struct Front {
    pub(super) listener: Arc<Listener>,
    pub(super) chains: Vec<ChainFront>,
}

/// One of its filter chains.
pub(super) struct ChainFront {
    pub(super) downstream: Arc<Downstream>,
    pub(super) stack: Stack,
    pub(super) routes: Arc<dyn ResolveRoute>,
    pub(super) tls: Option<Arc<ServerTls>>,
}

/// The connections of a worker.
pub(super) struct Reception {
    fronts: Vec<Front>,
    plan: Arc<Plan>,
    /// Those that something has to be read of before they can be served. Most
    /// listeners have none.
    arriving: JoinSet<Option<Step>>,
    served: JoinSet<()>,
    /// How many have been served so far.
    admitted: u64,
}

/// How far a connection has come.
enum Step {
    /// The listener filters have looked at it.
    Inspected(Arrival),
    /// It speaks TLS with the filter chain of this index.
    Secured(Secured),
}

struct Secured {
    known: Known,
    chain: usize,
    transport: SecureTransport,
    tls: Arc<TlsInfo>,
}

/// The two kinds of TLS connections there are, so that connections are driven by code
/// of few kinds: TCP without a detour, the rest through one.
enum SecureTransport {
    Tcp(TlsTransport<TcpStream>),
    Other(TlsTransport<Box<dyn Transport>>),
}

/// What is known of a connection besides its stream.
struct Known {
    listener: usize,
    remote: meta_core::Address,
    local: meta_core::Address,
    server_name: Option<Arc<str>>,
    place: Place,
}

impl Reception {
    pub(super) fn new(fronts: Vec<Front>, plan: Arc<Plan>) -> Self {
        Self {
            fronts,
            plan,
            arriving: JoinSet::new(),
            served: JoinSet::new(),
            admitted: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arriving.is_empty() && self.served.is_empty()
    }

    pub(super) fn has_arriving(&self) -> bool {
        !self.arriving.is_empty()
    }

    pub(super) fn admitted(&self) -> u64 {
        self.admitted
    }

    /// Takes a connection in.
    pub(super) fn receive(&mut self, incoming: Incoming) {
        let listener = incoming.listener;
        match Arrival::new(incoming) {
            Ok(arrival) => self.look_at(arrival),
            Err(error) => {
                if let Some(front) = self.fronts.get(listener) {
                    front.listener.stats.downstream_cx_accept_error.inc();
                }
                tracing::warn!(%error, "cannot watch a connection");
            }
        }
    }

    /// Waits until a connection has come a step further, or to its end. Cancellation
    /// safe.
    pub(super) async fn proceed(&mut self) {
        tokio::select! {
            biased;
            Some(ended) = self.served.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
            }
            Some(step) = self.arriving.join_next() => match step {
                Ok(Some(Step::Inspected(arrival))) => self.inspected(arrival),
                Ok(Some(Step::Secured(secured))) => self.secured(secured),
                Ok(None) => {}
                // Turned away.
                Err(error) if error.is_cancelled() => {}
                Err(error) => tracing::error!(%error, "the task of a new connection failed"),
            },
            else => {}
        }
    }

    /// Closes the connections that are not served yet.
    pub(super) fn turn_away_arriving(&mut self) {
        self.arriving.abort_all();
    }

    /// Ends all at once; how many there were.
    pub(super) fn abort(&mut self) -> usize {
        while self.served.try_join_next().is_some() {}
        while self.arriving.try_join_next().is_some() {}
        self.served.len() + self.arriving.len()
    }

    /// Has the filters of its listener look at a connection.
    fn look_at(&mut self, mut arrival: Arrival) {
        let Some(front) = self.fronts.get(arrival.listener) else {
            return;
        };
        let listener = &front.listener;
        if listener.filters.iter().any(|filter| filter.reads()) {
            let looking = inspect(listener.clone(), arrival);
            self.arriving
                .spawn(async { looking.await.map(Step::Inspected) });
            return;
        }
        for filter in &listener.filters {
            filter.at_once(&mut arrival);
        }
        self.inspected(arrival);
    }

    /// Chooses a filter chain, unless the connection belongs to another listener.
    fn inspected(&mut self, mut arrival: Arrival) {
        match self.hand_off(&mut arrival) {
            HandedOff::No => {}
            HandedOff::To(listener) => {
                arrival.listener = listener;
                return self.look_at(arrival);
            }
            HandedOff::Refused => return,
        }
        let Some(front) = self.fronts.get(arrival.listener) else {
            return;
        };
        let chosen = front.listener.choose(&arrival.traits());
        let Some((index, chain)) = chosen.and_then(|i| Some((i, front.chains.get(i)?))) else {
            front.listener.stats.no_filter_chain_match.inc();
            tracing::debug!(
                listener = %front.listener.config.name,
                remote = %arrival.remote,
                local = %arrival.local,
                hello = ?arrival.hello,
                "connection closed: no filter chain is for it"
            );
            return;
        };
        match &chain.tls {
            Some(tls) => {
                let handshakes = front.listener.handshakes.clone();
                let shaking = secure(arrival, index, handshakes, tls.clone());
                self.arriving.spawn(shaking);
            }
            None => {
                let (stream, known) = arrival.into_parts();
                let session = front.session(chain, &known, None);
                self.admitted += 1;
                match stream {
                    Inbound::Tcp(stream) => {
                        self.served.spawn(chain.drive(stream, session, known.place))
                    }
                    other => self.served.spawn(chain.drive::<Box<dyn Transport>>(
                        other.into(),
                        session,
                        known.place,
                    )),
                };
            }
        }
    }

    fn secured(&mut self, secured: Secured) {
        let front = self.fronts.get(secured.known.listener);
        let Some((front, chain)) = front.and_then(|f| Some((f, f.chains.get(secured.chain)?)))
        else {
            return;
        };
        let session = front.session(chain, &secured.known, Some(secured.tls));
        let place = secured.known.place;
        self.admitted += 1;
        match secured.transport {
            SecureTransport::Tcp(stream) => self.served.spawn(chain.drive(stream, session, place)),
            SecureTransport::Other(stream) => {
                let stream: Box<dyn Transport> = Box::new(stream);
                self.served.spawn(chain.drive(stream, session, place))
            }
        };
    }

    /// Whether a redirected connection goes to the listener of its destination.
    fn hand_off(&self, arrival: &mut Arrival) -> HandedOff {
        let Some(front) = self.fronts.get(arrival.listener) else {
            return HandedOff::Refused;
        };
        let from = &front.listener;
        let wants = from.config.filters.hand_off && arrival.has_destination;
        if !wants || arrival.is_handed_over {
            return HandedOff::No;
        }
        let to = self.plan.hand_off.listener(&arrival.local);
        let to = to.filter(|to| *to != arrival.listener);
        let Some((index, to)) = to.and_then(|to| Some((to, self.plan.listeners.get(to)?))) else {
            return HandedOff::No;
        };
        arrival.is_handed_over = true;
        if arrival.place.hand_over(to).is_err() {
            tracing::debug!(
                listener = %to.config.name,
                remote = %arrival.remote,
                "connection closed: there are as many as there may be"
            );
            return HandedOff::Refused;
        }
        from.stats.downstream_cx_handed_off.inc();
        HandedOff::To(index)
    }
}

/// What becomes of a connection that may belong to another listener.
enum HandedOff {
    No,
    To(usize),
    Refused,
}

/// Speaks TLS with a client, up to the point where both know each other; `None` where
/// it is closed.
async fn secure(
    arrival: Arrival,
    chain: usize,
    handshakes: Arc<Handshakes>,
    tls: Arc<ServerTls>,
) -> Option<Step> {
    let (stream, mut known) = arrival.into_parts();
    let shaken = match stream {
        Inbound::Tcp(stream) => handshakes.accept(stream, &tls).await.map(|accepted| {
            let transport = SecureTransport::Tcp(accepted.transport);
            (transport, accepted.info, accepted.server_name)
        }),
        other => {
            let stream: Box<dyn Transport> = other.into();
            handshakes.accept(stream, &tls).await.map(|accepted| {
                let transport = SecureTransport::Other(accepted.transport);
                (transport, accepted.info, accepted.server_name)
            })
        }
    };
    match shaken {
        Ok((transport, tls, server_name)) => {
            known.server_name = server_name;
            Some(Step::Secured(Secured {
                known,
                chain,
                transport,
                tls,
            }))
        }
        Err(error) => {
            log_failure(&known, &error);
            None
        }
    }
}

fn log_failure(known: &Known, error: &HandshakeError) {
    tracing::debug!(
        listener = %known.place.listener().config.name,
        remote = %known.remote,
        local = %known.local,
        %error,
        "connection closed: no TLS handshake"
    );
}

impl Arrival {
    fn into_parts(self) -> (Inbound, Known) {
        let known = Known {
            listener: self.listener,
            remote: self.remote,
            local: self.local,
            server_name: self.hello.and_then(|hello| hello.server_name),
            place: self.place,
        };
        (self.stream, known)
    }
}

impl Front {
    fn session(&self, chain: &ChainFront, known: &Known, tls: Option<Arc<TlsInfo>>) -> Session {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Session::new(ConnectionInfo {
            id: NEXT_ID.fetch_add(1, Relaxed),
            listener: self.listener.config.name.clone(),
            remote: known.remote.clone(),
            local: known.local.clone(),
            server_name: known.server_name.clone(),
            tls,
            routes: Some(chain.routes.clone()),
        })
    }
}

impl ChainFront {
    fn drive<T: Transport>(
        &self,
        transport: T,
        session: Session,
        place: Place,
    ) -> impl Future<Output = ()> + Send + use<T> {
        let service = self.stack.clone();
        let served = self.downstream.serve(transport, service, session.clone());
        Connection::new(served, session, place)
    }
}
