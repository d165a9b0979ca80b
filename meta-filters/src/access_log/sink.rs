//! One file, and what waits to be written to it.

use std::{
    fs::File,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use futures::channel::oneshot;
use meta_core::WorkerId;

use super::{
    error::AccessLogError,
    logs::AccessLogSettings,
    stats::{AccessLogStats, SinkStats},
};

mod lane;
mod target;
mod writer;

pub(super) use lane::Lane;
pub(super) use target::Target;

use writer::Writer;

/// One file. Its thread ends when this is dropped, and what waits is written.
pub(super) struct Sink {
    target: Target,
    lanes: Lanes,
    control: Arc<Control>,
}

/// One for each worker that writes to the file.
type Lanes = Arc<Mutex<Vec<(WorkerId, Arc<Lane>)>>>;

impl Sink {
    /// Starts the thread that writes.
    pub(super) fn start(
        target: Target,
        file: File,
        settings: AccessLogSettings,
    ) -> Result<Self, AccessLogError> {
        let lanes = Lanes::default();
        let control = Arc::new(Control::new(settings));
        let writer = Writer::new(target.clone(), file, lanes.clone(), control.clone());
        let thread = thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(|| writer.run());
        thread.map_err(|source| AccessLogError::Thread { source })?;
        Ok(Self {
            target,
            lanes,
            control,
        })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Adds what it has counted.
    pub(super) fn add_stats(&self, stats: &mut AccessLogStats) {
        stats.add(&self.control.stats);
        for (_, lane) in self.lanes().iter() {
            stats.lines_buffered += lane.buffered.value();
        }
    }

    /// Where the lines of one worker go.
    pub(super) fn lane(&self, worker: WorkerId) -> Arc<Lane> {
        let mut lanes = self.lanes();
        if let Some((_, lane)) = lanes.iter().find(|(owner, _)| *owner == worker) {
            return lane.clone();
        }
        let lane = Arc::new(Lane::new(self.control.clone()));
        lanes.push((worker, lane.clone()));
        lane
    }

    pub(super) fn reopen(&self) {
        self.control.order(|orders| orders.reopen = true);
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<(WorkerId, Arc<Lane>)>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders a flush; told when it is done.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, when_done) = oneshot::channel();
        self.control.order(|orders| orders.flushes.push(done));
        when_done
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.control.order(|orders| orders.stop = true);
    }
}

/// What lanes, the sink and the writer share.
struct Control {
    settings: AccessLogSettings,
    /// Bytes that buffers take.
    reserved: AtomicUsize,
    orders: Mutex<Orders>,
    wake: Condvar,
    stats: SinkStats,
}

/// What the writer is to do.
#[derive(Default)]
struct Orders {
    /// There is a line.
    dirty: bool,
    /// There are many.
    many: bool,
    reopen: bool,
    stop: bool,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Orders {
    fn is_urgent(&self) -> bool {
        self.many || self.reopen || self.stop || !self.flushes.is_empty()
    }
}

impl Control {
    fn new(settings: AccessLogSettings) -> Self {
        Self {
            settings,
            reserved: AtomicUsize::new(0),
            orders: Mutex::default(),
            wake: Condvar::new(),
            stats: SinkStats::default(),
        }
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.orders());
        self.wake.notify_one();
    }

    /// Waits until something is to be done; the flag tells whether the interval is
    /// why.
    fn next_orders(&self) -> (Orders, bool) {
        let idle = |orders: &mut Orders| !orders.dirty && !orders.is_urgent();
        let orders = self.wake.wait_while(self.orders(), idle);
        let orders = orders.unwrap_or_else(PoisonError::into_inner);
        // Lines gather.
        let interval = self.settings.flush_interval;
        let waited = (self.wake).wait_timeout_while(orders, interval, |o| !o.is_urgent());
        let (mut orders, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut *orders), timeout.timed_out())
    }

    /// Makes room for a buffer of so many bytes; with `anyway` over the bound.
    fn reserve(&self, bytes: usize, anyway: bool) -> bool {
        let bound = self.settings.buffer_bytes;
        let fits = |taken: usize| {
            let sum = taken.checked_add(bytes)?;
            (anyway || sum <= bound).then_some(sum)
        };
        let reserved = self.reserved.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if reserved {
            self.stats.buffered_bytes.add(bytes as i64);
        }
        reserved
    }

    fn release(&self, bytes: usize) {
        self.reserved.fetch_sub(bytes, Relaxed);
        self.stats.buffered_bytes.add(-(bytes as i64));
    }
}
