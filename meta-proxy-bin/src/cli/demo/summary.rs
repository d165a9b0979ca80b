//! What came of the calls.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::client::Answer;

/// Answers by version, and their latencies.
#[derive(Default)]
pub(super) struct Summary {
    versions: BTreeMap<String, usize>,
    latencies: Vec<Duration>,
}

impl Summary {
    pub(super) fn add(&mut self, answer: &Answer) {
        let version = answer.version().to_owned();
        *self.versions.entry(version).or_default() += 1;
        self.latencies.push(answer.latency);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls:", self.latencies.len())?;
        for (version, count) in &self.versions {
            write!(f, " {version} {count}")?;
        }
        let mut sorted = self.latencies.clone();
        sorted.sort();
        write!(f, "\nlatency:")?;
        for percent in [50, 90, 99] {
            let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            let latency = sorted.get(rank).copied().unwrap_or_default();
            write!(f, " p{percent} {:.3} ms", latency.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_counted_and_latencies_ranked() {
        let mut summary = Summary::default();
        for n in 1..=100 {
            let version = if n % 10 == 0 { "v2" } else { "v1" };
            summary.add(&Answer {
                text: format!("hello Ada from {version}"),
                latency: Duration::from_millis(101 - n),
            });
        }
        let expected = "100 calls: v1 90 v2 10\n\
                        latency: p50 50.000 ms p90 90.000 ms p99 99.000 ms";
        assert_eq!(summary.to_string(), expected);
    }
}
