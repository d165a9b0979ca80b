//! Connections that many exchanges share.

use futures_util::{
    FutureExt,
    future::{self, Either},
};
use meta_codec::{Shared, SharedCall};
use meta_core::{BoxFuture, Session};

use super::{
    line::{Line, Turn, client_of},
    *,
};

/// The place of one shared connection, made when it is first wanted and again
/// when it has closed; one that belongs to a client is made once.
pub(crate) struct SharedSlot {
    /// Not the other way round: it keeps its slots.
    endpoint: Weak<Endpoint>,
    /// The client that the connection belongs to, if it does.
    session: Option<Session>,
    state: Mutex<SlotState>,
    /// As the connection's last request found it.
    is_busy: AtomicBool,
    /// After so many requests the connection is let go of: it ends with the last of
    /// its calls.
    max_requests: u32,
}

type Connect = BoxFuture<'static, Result<Arc<Shared>, LocalReply>>;
type Connecting = future::Shared<Connect>;

struct SlotState {
    link: Link,
    line: Line,
    /// How many requests the connection has carried.
    carried: u32,
}

enum Link {
    Empty,
    /// Whoever waits for it drives it, and it ends with the last of them.
    Connecting(future::WeakShared<Connect>),
    Open(Arc<Shared>),
}

/// What became of a request.
pub(crate) enum Tried {
    Sent(Result<(SharedCall, Encoded), LocalReply>),
    /// There is no connection yet, or no room, or others of the client's wait.
    MustWait(Turn),
    /// The server wants no more requests on the connection it has; another can be
    /// made.
    Draining(Turn),
}

impl SharedSlot {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, session: Option<Session>) -> Self {
        Self::with_link(endpoint, session, Link::Empty)
    }

    /// The place of a connection that is made at once.
    pub(super) async fn connect(endpoint: &Arc<Endpoint>, open: Open) -> Result<Self, LocalReply> {
        let shared = connect_at(endpoint, open, None).await?;
        Ok(Self::with_link(endpoint, None, Link::Open(shared)))
    }

    fn with_link(endpoint: &Arc<Endpoint>, session: Option<Session>, link: Link) -> Self {
        Self {
            endpoint: Arc::downgrade(endpoint),
            state: Mutex::new(SlotState {
                link,
                line: Line::default(),
                carried: 0,
            }),
            is_busy: AtomicBool::new(false),
            max_requests: match session {
                None => endpoint.shared.max_requests(),
                Some(_) => u32::MAX,
            },
            session,
        }
    }

    /// Counts a request that goes over the connection.
    fn count(&self, state: &mut SlotState) {
        state.carried = state.carried.saturating_add(1);
        if state.carried >= self.max_requests {
            state.link = Link::Empty;
            if let Some(endpoint) = self.endpoint.upgrade() {
                endpoint.stats().upstream_cx_max_requests.inc();
            }
        }
    }

    /// Whether a request that waited may go over `shared`, which then counts; not
    /// where that has carried enough meanwhile.
    pub(crate) fn admits(&self, shared: &Arc<Shared>) -> bool {
        if self.max_requests == u32::MAX {
            return true;
        }
        let mut state = self.state();
        let is_own = matches!(&state.link, Link::Open(own) if Arc::ptr_eq(own, shared));
        if is_own {
            self.count(&mut state);
        }
        is_own
    }

    /// Notes that `request` goes to this endpoint.
    pub(crate) fn note_on(&self, request: &Request) {
        if let Some(endpoint) = self.endpoint.upgrade() {
            request.note_endpoint(|| endpoint.address());
        }
    }

    /// Sends a request over the connection, if it is there and has room.
    pub(crate) fn try_call(
        self: &Arc<Self>,
        request: &Request,
        deadline: Option<Instant>,
        cx: &Context<'_>,
    ) -> Tried {
        let mut state = self.state();
        if let Link::Open(shared) = &state.link
            && !state.line.has(client_of(request))
        {
            let (message, mutation) = (&request.message, &request.mutation);
            let tried = shared.try_call(message, mutation, deadline, cx);
            self.is_busy.store(shared.is_busy(), Ordering::Relaxed);
            if let Some(sent) = tried {
                self.count(&mut state);
                return Tried::Sent(sent);
            }
        }
        drop(state);
        self.try_wait(request)
    }

    /// Gives a request a place in the line.
    pub(crate) fn try_wait(self: &Arc<Self>, request: &Request) -> Tried {
        let turn = Turn::queue(self.clone(), request);
        let state = self.state();
        let Link::Open(shared) = &state.link else {
            return Tried::MustWait(turn);
        };
        self.is_busy.store(shared.is_busy(), Ordering::Relaxed);
        let is_draining = shared.is_draining();
        drop(state);
        match is_draining {
            true => Tried::Draining(turn),
            false => Tried::MustWait(turn),
        }
    }

    /// Whether the connection had no room to spare when it was last used.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// Whether requests can go over the connection, now or once it is made.
    pub(crate) fn is_usable(&self) -> bool {
        match &self.state().link {
            Link::Open(shared) => return shared.is_open(),
            Link::Connecting(_) => return true,
            Link::Empty => {}
        }
        !self.is_gone()
    }

    /// Whether the endpoint is no longer one of the cluster's, so that no
    /// connection is made any more.
    pub(crate) fn is_gone(&self) -> bool {
        let endpoint = self.endpoint.upgrade();
        endpoint.is_none_or(|endpoint| endpoint.is_retired())
    }

    /// Whether requests can go over the connection now.
    pub(super) fn is_open(&self) -> bool {
        matches!(&self.state().link, Link::Open(shared) if shared.is_open())
    }

    /// Whether the connection was there and has ended.
    fn is_over(&self) -> bool {
        matches!(&self.state().link, Link::Open(shared) if shared.is_closed())
    }

    /// Whether this stream is open on the connection.
    pub(crate) fn carries(&self, stream_id: u64) -> bool {
        matches!(&self.state().link, Link::Open(shared) if shared.carries(stream_id))
    }

    /// The connection; makes it where there is none.
    pub(crate) async fn connected(&self) -> Result<Arc<Shared>, LocalReply> {
        let connecting = match self.open_or_connecting() {
            Either::Left(shared) => return Ok(shared),
            Either::Right(connecting) => connecting,
        };
        let connected = connecting.clone().await;
        let mut state = self.state();
        if let Link::Connecting(current) = &state.link
            && let Some(current) = current.upgrade()
            && current.ptr_eq(&connecting)
        {
            state.carried = 0;
            state.link = match &connected {
                Ok(shared) => Link::Open(shared.clone()),
                Err(_) => Link::Empty,
            };
        }
        connected
    }

    fn open_or_connecting(&self) -> Either<Arc<Shared>, Connecting> {
        let mut state = self.state();
        match &state.link {
            Link::Open(shared) if shared.is_open() || self.session.is_some() => {
                return Either::Left(shared.clone());
            }
            Link::Connecting(connecting) => {
                if let Some(connecting) = connecting.upgrade() {
                    return Either::Right(connecting);
                }
            }
            _ => {}
        }
        let connect = connect(self.endpoint.clone(), self.session.clone());
        let connecting = connect.boxed().shared();
        state.link = match connecting.downgrade() {
            Some(connecting) => Link::Connecting(connecting),
            None => Link::Empty,
        };
        Either::Right(connecting)
    }

    /// Whether there is no connection, nor anyone who wants one.
    pub(super) fn is_vacant(this: &Arc<Self>) -> bool {
        Arc::strong_count(this) == 1
            && match &this.state().link {
                Link::Empty => true,
                Link::Connecting(connecting) => connecting.upgrade().is_none(),
                Link::Open(shared) => !shared.is_open(),
            }
    }

    /// Gives the connection up if nothing is under way on it; whether it did.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.state();
        let Link::Open(shared) = &state.link else {
            return false;
        };
        let unused = Arc::strong_count(shared) == 1 && shared.in_flight() == 0;
        if !(unused && shared.is_open()) {
            return false;
        }
        let given_up = std::mem::replace(&mut state.link, Link::Empty);
        drop(state);
        drop(given_up);
        true
    }

    /// Lets the connection end with the last of its calls. What is being made ends
    /// with those that wait for it.
    pub(super) fn retire(&self) {
        let link = std::mem::replace(&mut self.state().link, Link::Empty);
        drop(link);
    }

    pub(super) fn line<R>(&self, use_line: impl FnOnce(&mut Line) -> R) -> R {
        use_line(&mut self.state().line)
    }

    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects once there is room for a connection.
async fn connect(
    endpoint: Weak<Endpoint>,
    session: Option<Session>,
) -> Result<Arc<Shared>, LocalReply> {
    let gone = || LocalReply::new(ReplyKind::ConnectFailed, "the endpoint is gone");
    let endpoint = endpoint.upgrade().ok_or_else(gone)?;
    let mut waiting = None;
    let admitted = poll_fn(|cx| match endpoint.is_retired() {
        true => Poll::Ready(Err(gone())),
        false => endpoint.shared.poll_admit(&mut waiting, cx),
    });
    let open = admitted.await?;
    drop(waiting);
    connect_at(&endpoint, open, session).await
}

/// Connects, and leaves the connection to a task of this worker.
async fn connect_at(
    endpoint: &Arc<Endpoint>,
    open: Open,
    session: Option<Session>,
) -> Result<Arc<Shared>, LocalReply> {
    let (connected, info, open) = endpoint.connect(open).await?;
    let upstream = &endpoint.upstream;
    let cluster = info.cluster.clone();
    let (shared, driver) = upstream.shared(connected.transport, info, session.clone());
    let drains = Arc::downgrade(endpoint);
    let driver = driver.on_drain(move |begins| {
        if let Some(endpoint) = drains.upgrade() {
            endpoint.drains(begins);
        }
    });
    tokio::spawn(async move {
        driver.await;
        drop(open);
        if let Some(session) = session {
            session.unpin(&cluster, SharedSlot::is_over);
        }
    });
    Ok(Arc::new(shared))
}
