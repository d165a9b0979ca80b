//! Connections that many exchanges share.

use futures_util::{
    FutureExt,
    future::{self, Either},
};
use meta_codec::{Shared, SharedCall};
use meta_core::{BoxFuture, Message, Mutation, Session};

use super::*;

/// The place of one shared connection, made when it is first wanted and again
/// when it has closed.
pub(crate) struct SharedSlot {
    endpoint: Arc<Endpoint>,
    /// The client that the connection belongs to, if it does.
    session: Option<Session>,
    state: Mutex<SlotState>,
}

type Connect = BoxFuture<'static, Result<Arc<Shared>, LocalReply>>;
type Connecting = future::Shared<Connect>;

enum SlotState {
    Empty,
    /// Whoever waits for it drives it, and it ends with the last of them.
    Connecting(future::WeakShared<Connect>),
    Open(Arc<Shared>),
}

impl SharedSlot {
    pub(crate) fn new(endpoint: Arc<Endpoint>, session: Option<Session>) -> Self {
        Self {
            endpoint,
            session,
            state: Mutex::new(SlotState::Empty),
        }
    }

    /// Where the connection leads.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Sends a request over the connection, if it is there and has room.
    pub(crate) fn try_call(
        &self,
        message: &Message,
        mutation: &Mutation,
        deadline: Option<Instant>,
        cx: &Context<'_>,
    ) -> Option<Result<(SharedCall, Encoded), LocalReply>> {
        match &*self.state() {
            SlotState::Open(shared) => shared.try_call(message, mutation, deadline, cx),
            _ => None,
        }
    }

    /// The connection; makes it where there is none.
    pub(crate) async fn connected(&self) -> Result<Arc<Shared>, LocalReply> {
        let connecting = match self.open_or_connecting() {
            Either::Left(shared) => return Ok(shared),
            Either::Right(connecting) => connecting,
        };
        let connected = connecting.clone().await;
        let mut state = self.state();
        if let SlotState::Connecting(current) = &*state
            && let Some(current) = current.upgrade()
            && current.ptr_eq(&connecting)
        {
            *state = match &connected {
                Ok(shared) => SlotState::Open(shared.clone()),
                Err(_) => SlotState::Empty,
            };
        }
        connected
    }

    fn open_or_connecting(&self) -> Either<Arc<Shared>, Connecting> {
        let mut state = self.state();
        match &*state {
            SlotState::Open(shared) if shared.is_open() => return Either::Left(shared.clone()),
            SlotState::Connecting(connecting) => {
                if let Some(connecting) = connecting.upgrade() {
                    return Either::Right(connecting);
                }
            }
            _ => {}
        }
        let connect = connect(self.endpoint.clone(), self.session.clone());
        let connecting = connect.boxed().shared();
        *state = match connecting.downgrade() {
            Some(connecting) => SlotState::Connecting(connecting),
            None => SlotState::Empty,
        };
        Either::Right(connecting)
    }

    /// Whether there is no connection, nor anyone who wants one.
    pub(super) fn is_vacant(this: &Arc<Self>) -> bool {
        Arc::strong_count(this) == 1
            && match &*this.state() {
                SlotState::Empty => true,
                SlotState::Connecting(connecting) => connecting.upgrade().is_none(),
                SlotState::Open(shared) => !shared.is_open(),
            }
    }

    /// Gives the connection up if nothing is under way on it; whether it did.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.state();
        let SlotState::Open(shared) = &*state else {
            return false;
        };
        let unused = Arc::strong_count(shared) == 1 && shared.in_flight() == 0;
        if !(unused && shared.is_open()) {
            return false;
        }
        let given_up = std::mem::replace(&mut *state, SlotState::Empty);
        drop(state);
        drop(given_up);
        true
    }

    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects, and leaves the connection to a task of this worker.
async fn connect(
    endpoint: Arc<Endpoint>,
    session: Option<Session>,
) -> Result<Arc<Shared>, LocalReply> {
    let mut waiting = None;
    let open = poll_fn(|cx| endpoint.shared.poll_admit(&mut waiting, cx)).await?;
    drop(waiting);
    let (connected, open) = endpoint.connect(open).await?;
    let info = endpoint.info(&connected);
    let upstream = &endpoint.shared.upstream;
    let (shared, driver) = upstream.shared(connected.transport, info, session);
    tokio::spawn(async move {
        driver.await;
        drop(open);
    });
    Ok(Arc::new(shared))
}
