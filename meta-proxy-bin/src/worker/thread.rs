//! Workers on threads of their own, and on the caller's runtime.

use std::{io, thread};

use tokio::{runtime::Builder, sync::oneshot};

use super::Worker;
use crate::sys;

/// A worker's stack: futures live on the heap, and decoders nest by a bound.
const STACK_BYTES: usize = 1 << 20;

/// Runs `worker` on a thread of its own, bound to a CPU where `pin` says so.
/// `ended` is told how many connections were aborted.
pub(crate) fn spawn_thread(
    worker: Worker,
    ended: oneshot::Sender<usize>,
    pin: bool,
) -> io::Result<()> {
    let index = worker.id.0;
    let run = move || {
        let pinned = if pin { sys::pin_thread(index) } else { Ok(()) };
        if let Err(error) = pinned {
            tracing::warn!(worker = index, %error, "cannot pin the worker to a CPU");
        }
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let aborted = runtime.block_on(worker.run());
                // What is left goes with the runtime.
                drop(runtime);
                let _ = ended.send(aborted);
            }
            Err(error) => drop(worker.started.send(Err(error))),
        }
    };
    let thread = thread::Builder::new()
        .name(format!("worker-{index}"))
        .stack_size(STACK_BYTES);
    thread.spawn(run).map(drop)
}

/// Runs `worker` as a task of the current runtime.
pub(crate) fn spawn_task(worker: Worker, ended: oneshot::Sender<usize>) {
    tokio::spawn(async move {
        let aborted = worker.run().await;
        let _ = ended.send(aborted);
    });
}
