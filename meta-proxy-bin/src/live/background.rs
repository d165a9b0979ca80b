//! Where tables are fetched and read.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::sys;

/// A thread of its own, which gives way to workers: to read a large table takes longer
/// than any request may wait, and where a worker has the same CPU, the two take turns.
/// Nobody else waits for it: connections are accepted meanwhile, and the admin answers.
///
/// It ends when this is dropped.
pub(super) struct Background {
    runtime: Handle,
    /// Dropping it ends the thread.
    _stop: Option<oneshot::Sender<()>>,
}

impl Background {
    /// Where there can be no more threads, it is the current runtime that does the work.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(super) fn start() -> Self {
        Self::spawn().unwrap_or_else(|error| {
            tracing::warn!(%error, "routes get no thread of their own");
            Self {
                runtime: Handle::current(),
                _stop: None,
            }
        })
    }

    fn spawn() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("routes".to_owned());
        thread.spawn(move || {
            if let Err(error) = sys::give_way() {
                tracing::debug!(%error, "routes are read with the priority of all else");
            }
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self {
            runtime: handle,
            _stop: Some(stop),
        })
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_tasks_give_way_and_end_with_it() -> Result<(), Box<dyn Error>> {
        let nice = || rustix::process::getpriority_process(None);
        let own = nice()?;
        let background = Background::start();
        let theirs = background.runtime().spawn(async move { nice() }).await??;
        assert!(theirs > own || own == 19, "{theirs} beside {own}");

        let (held, dropped) = oneshot::channel::<()>();
        background.runtime().spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(background);
        assert!(dropped.await.is_err(), "the task is gone");
        assert_eq!(nice()?, own);
        Ok(())
    }
}
