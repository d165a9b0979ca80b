//! Counters, gauges and histograms: plain cells, resolved at configuration time.
//!
//! Each worker has cells of its own and the reader adds them up, so that an
//! increment never fights over a cache line. Names and labels belong to whoever
//! exposes them.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// One statistic of a filter, where it stands; see
/// [`Filter::visit_stats`](crate::Filter::visit_stats).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// A count.
    Counter(&'a Counter),
    /// A number that comes and goes.
    Gauge(&'a Gauge),
    /// How durations are spread.
    Histogram(&'a Histogram),
}

/// How a cell is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writers {
    /// By whichever thread.
    #[default]
    Any,
    /// By one thread at a time: an addition need not lock the bus.
    One,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter {
    value: AtomicU64,
    writers: Writers,
}

impl Counter {
    /// A counter that one thread at a time writes, however many read it. Of two
    /// that write at once, one may go uncounted.
    pub fn single_writer() -> Self {
        Self {
            writers: Writers::One,
            ..Self::default()
        }
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        match self.writers {
            Writers::Any => {
                self.value.fetch_add(count, Relaxed);
            }
            Writers::One => {
                let sum = self.value.load(Relaxed).wrapping_add(count);
                self.value.store(sum, Relaxed);
            }
        }
    }

    /// The count.
    pub fn value(&self) -> u64 {
        self.value.load(Relaxed)
    }
}

/// A number that comes back to where it began.
#[derive(Debug, Default)]
pub struct Gauge {
    value: AtomicI64,
    writers: Writers,
}

impl Gauge {
    /// A gauge that one thread at a time writes; see [`Counter::single_writer`].
    pub fn single_writer() -> Self {
        Self {
            writers: Writers::One,
            ..Self::default()
        }
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away.
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `difference`.
    pub fn add(&self, difference: i64) {
        match self.writers {
            Writers::Any => {
                self.value.fetch_add(difference, Relaxed);
            }
            Writers::One => {
                let sum = self.value.load(Relaxed).wrapping_add(difference);
                self.value.store(sum, Relaxed);
            }
        }
    }

    /// Sets the number.
    pub fn set(&self, value: i64) {
        self.value.store(value, Relaxed);
    }

    /// The number.
    pub fn value(&self) -> i64 {
        self.value.load(Relaxed)
    }
}

/// Upper bounds of a histogram's buckets in milliseconds: Envoy's.
pub const BUCKETS_MS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// How durations are spread over [`BUCKETS_MS`].
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS_MS.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    /// A histogram that one thread at a time writes; see
    /// [`Counter::single_writer`].
    pub fn single_writer() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Counter::single_writer()),
            sum_us: Counter::single_writer(),
        }
    }

    /// Records one duration.
    pub fn record(&self, duration: Duration) {
        let mut batch = HistogramBatch::default();
        batch.record(self, duration);
        batch.flush(self);
    }

    /// Counts and sum as they stand.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            buckets: std::array::from_fn(|n| self.buckets.get(n).map_or(0, Counter::value)),
            sum_us: self.sum_us.value(),
        }
    }
}

/// Durations on their way into one [`Histogram`]: a run of them that falls into
/// one bucket is written at once.
#[derive(Debug, Default)]
pub struct HistogramBatch {
    bucket: usize,
    count: u64,
    sum_us: u64,
}

impl HistogramBatch {
    /// Records one duration, perhaps not before the next [`HistogramBatch::flush`].
    pub fn record(&mut self, histogram: &Histogram, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MS
            .iter()
            .position(|bound| us <= (bound * 1_000.0) as u64)
            .unwrap_or(BUCKETS_MS.len());
        if bucket != self.bucket {
            self.flush(histogram);
            self.bucket = bucket;
        }
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Writes what has been recorded.
    pub fn flush(&mut self, histogram: &Histogram) {
        if self.count == 0 {
            return;
        }
        if let Some(count) = histogram.buckets.get(self.bucket) {
            count.add(self.count);
        }
        histogram.sum_us.add(self.sum_us);
        self.count = 0;
        self.sum_us = 0;
    }
}

/// The contents of a [`Histogram`], or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Counts by bucket, not cumulated; the last is for what is over all bounds.
    pub buckets: [u64; BUCKETS_MS.len() + 1],
    /// The sum of all durations, in microseconds.
    pub sum_us: u64,
}

impl HistogramSnapshot {
    /// How many durations there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds another worker's.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.buckets.iter_mut().zip(other.buckets) {
            *count += more;
        }
        self.sum_us += other.sum_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_counts_as_many_do() {
        for counter in [Counter::default(), Counter::single_writer()] {
            counter.inc();
            counter.add(4);
            assert_eq!(counter.value(), 5);
        }
        for gauge in [Gauge::default(), Gauge::single_writer()] {
            gauge.inc();
            gauge.add(3);
            gauge.dec();
            assert_eq!(gauge.value(), 3);
        }
    }

    #[test]
    fn durations_fall_into_envoys_buckets() {
        let histogram = Histogram::default();
        for us in [0, 500, 501, 1_000, 7_000_000_000] {
            histogram.record(Duration::from_micros(us));
        }
        let mut snapshot = histogram.snapshot();
        assert_eq!(snapshot.buckets[..3], [2, 2, 0]);
        assert_eq!(snapshot.buckets[BUCKETS_MS.len()], 1);
        assert_eq!(snapshot.sum_us, 7_000_002_001);
        snapshot.merge(&histogram.snapshot());
        assert_eq!(snapshot.count(), 10);
    }
}
