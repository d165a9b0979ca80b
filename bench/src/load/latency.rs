//! Latency samples and their percentiles.

use std::time::Duration;

use serde::Serialize;

/// Samples to have room for without growing in the middle of a measurement.
const ROOM: usize = 2_000_000;

/// Every latency of a run; percentiles are exact, not taken from a histogram.
#[derive(Debug)]
pub(crate) struct Samples {
    nanoseconds: Vec<u64>,
}

impl Samples {
    /// No samples yet.
    pub(crate) fn new() -> Self {
        Self {
            nanoseconds: Vec::with_capacity(ROOM),
        }
    }

    /// Adds one.
    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.push(nanoseconds);
    }

    /// Sorts the samples and reads the percentiles off.
    pub(crate) fn summary(mut self) -> Latency {
        self.nanoseconds.sort_unstable();
        let at = |quantile: f64| {
            let rank = (quantile * self.nanoseconds.len() as f64).ceil() as usize;
            let index = rank.saturating_sub(1);
            self.nanoseconds.get(index).copied().unwrap_or(0) as f64 / 1e3
        };
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        }
    }
}

/// Latency percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples = Samples::new();
        for micros in (1..=1_000).rev() {
            samples.record(Duration::from_micros(micros));
        }
        let expected = Latency {
            p50: 500.0,
            p90: 900.0,
            p99: 990.0,
            p999: 999.0,
            max: 1_000.0,
        };
        assert_eq!(samples.summary(), expected);
        assert_eq!(Samples::new().summary(), Latency::default());
    }
}
