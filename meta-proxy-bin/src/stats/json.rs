//! Statistics as JSON.

use serde_json::{Value, json};

use super::{StatValue, Stats, sum_ms};

impl Stats {
    /// `{"stats": [{"name": …, "value": …}, …]}`, as Envoy has it; a histogram has
    /// `count` and `sum_ms` in place of the value.
    pub fn to_json(&self) -> Value {
        let stats = self.iter().map(|(name, value)| match value {
            StatValue::Counter(count) => json!({ "name": name, "value": count }),
            StatValue::Gauge(value) => json!({ "name": name, "value": value }),
            StatValue::Histogram(histogram) => json!({
                "name": name,
                "count": histogram.count(),
                "sum_ms": sum_ms(histogram),
            }),
        });
        json!({ "stats": stats.collect::<Vec<_>>() })
    }
}
