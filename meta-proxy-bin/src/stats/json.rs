//! Statistics as JSON.

use serde_json::{Value, json};

use super::{Buckets, StatValue, Stats, sum_ms};

impl Stats {
    /// `{"stats": [{"name": …, "value": …}, …]}`, as Envoy has it; a histogram has
    /// `count` and `sum_ms` in place of the value.
    pub fn to_json(&self) -> Value {
        self.to_json_with(Buckets::None)
    }

    pub(crate) fn to_json_with(&self, buckets: Buckets) -> Value {
        let stats = self.iter().map(|(name, value)| match value {
            StatValue::Counter(count) => json!({ "name": name, "value": count }),
            StatValue::Gauge(value) => json!({ "name": name, "value": value }),
            StatValue::Histogram(histogram) => {
                let mut stat = json!({
                    "name": name,
                    "count": histogram.count(),
                    "sum_ms": sum_ms(histogram),
                });
                if buckets != Buckets::None {
                    let pairs = buckets.of(histogram).into_iter();
                    let pair = |(bound, count)| json!({ "upper_bound": bound, "count": count });
                    stat["buckets"] = pairs.map(pair).collect();
                }
                stat
            }
        });
        json!({ "stats": stats.collect::<Vec<_>>() })
    }
}
