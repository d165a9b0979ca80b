//! How many connections there are, and may be.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::Listener;

/// Counts connections, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: AtomicUsize,
    max: Option<usize>,
}

impl Gate {
    pub(crate) fn new(max: Option<usize>) -> Self {
        Self {
            open: AtomicUsize::new(0),
            max,
        }
    }

    /// Counts one more, whatever the bound.
    fn enter(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    /// Counts one more if there may be.
    fn try_enter(&self) -> bool {
        let Some(max) = self.max else {
            self.enter();
            return true;
        };
        let more = |open: usize| (open < max).then_some(open + 1);
        self.open.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

/// A connection that is one too many. It has been counted.
#[derive(Debug)]
pub(crate) struct Full;

/// A connection's place: it counts for its listener, for the process and for its
/// worker while it lasts.
pub(crate) struct Place {
    listener: Arc<Listener>,
    /// That of its worker, once it has one.
    load: Option<Arc<AtomicUsize>>,
}

impl Place {
    /// A place for one more connection of `listener`.
    pub(crate) fn take(listener: &Arc<Listener>) -> Result<Self, Full> {
        listener.admit()?;
        let all = &listener.all;
        if listener.config.ignore_global_limit {
            all.enter();
        } else if !all.try_enter() {
            listener.gate.leave();
            listener.stats.downstream_global_cx_overflow.inc();
            return Err(Full);
        }
        Ok(Self {
            listener: listener.clone(),
            load: None,
        })
    }

    /// It counts for a worker from here on.
    pub(crate) fn on(mut self, load: Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Relaxed);
        self.load = Some(load);
        self
    }

    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// It counts for another listener from here on, if that has room.
    pub(crate) fn hand_over(&mut self, listener: &Arc<Listener>) -> Result<(), Full> {
        listener.admit()?;
        self.listener.gate.leave();
        self.listener = listener.clone();
        Ok(())
    }
}

impl Listener {
    fn admit(&self) -> Result<(), Full> {
        if self.gate.try_enter() {
            return Ok(());
        }
        self.stats.downstream_cx_overflow.inc();
        Err(Full)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listener.gate.leave();
        self.listener.all.leave();
        if let Some(load) = &self.load {
            load.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_lets_in_as_many_as_there_may_be() {
        let gate = Gate::new(Some(2));
        assert!(gate.try_enter());
        assert!(gate.try_enter());
        assert!(!gate.try_enter());
        gate.leave();
        assert!(gate.try_enter());
        // What goes in regardless counts.
        gate.enter();
        gate.leave();
        assert!(!gate.try_enter());
        assert!(!Gate::new(Some(0)).try_enter());
        assert!(Gate::new(None).try_enter());
    }
}
