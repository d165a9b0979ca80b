//! Statistics in Prometheus' text form, version 0.0.4.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use meta_core::stats::{BUCKETS_MS, HistogramSnapshot};

use super::{Entry, StatValue, Stats, sum_ms};

impl Stats {
    /// One family for each name, `envoy_` before it, with the cluster, listener
    /// and worker as labels.
    pub fn to_prometheus(&self) -> String {
        let mut families: BTreeMap<String, BTreeMap<String, StatValue>> = BTreeMap::new();
        for entry in self.entries.values() {
            let family = families.entry(name_of(&entry.family)).or_default();
            // Two prefixes may differ only in what is not allowed here.
            match family.get_mut(&labels_of(entry)) {
                Some(value) => value.merge(entry.value.clone()),
                None => drop(family.insert(labels_of(entry), entry.value.clone())),
            }
        }
        let mut text = String::new();
        for (name, samples) in &families {
            // Writing to a string does not fail.
            let _ = write_family(&mut text, name, samples);
        }
        text
    }
}

fn write_family(
    text: &mut String,
    name: &str,
    samples: &BTreeMap<String, StatValue>,
) -> fmt::Result {
    let kind = match samples.values().next() {
        Some(StatValue::Counter(_)) => "counter",
        Some(StatValue::Gauge(_)) => "gauge",
        Some(StatValue::Histogram(_)) => "histogram",
        None => return Ok(()),
    };
    writeln!(text, "# TYPE {name} {kind}")?;
    for (labels, value) in samples {
        match value {
            StatValue::Counter(count) => writeln!(text, "{name}{{{labels}}} {count}")?,
            StatValue::Gauge(value) => writeln!(text, "{name}{{{labels}}} {value}")?,
            StatValue::Histogram(histogram) => write_histogram(text, name, labels, histogram)?,
        }
    }
    Ok(())
}

fn write_histogram(
    text: &mut String,
    name: &str,
    labels: &str,
    histogram: &HistogramSnapshot,
) -> fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut below = 0;
    for (bound, count) in BUCKETS_MS.iter().zip(histogram.buckets) {
        below += count;
        writeln!(
            text,
            "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}"
        )?;
    }
    let (count, sum) = (histogram.count(), sum_ms(histogram));
    writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
    writeln!(text, "{name}_sum{{{labels}}} {sum}")?;
    writeln!(text, "{name}_count{{{labels}}} {count}")
}

fn name_of(family: &str) -> String {
    let allowed = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => c,
        _ => '_',
    };
    let family = family.chars().map(allowed);
    "envoy_".chars().chain(family).collect()
}

fn labels_of(entry: &Entry) -> String {
    let mut text = String::new();
    for (name, value) in &entry.labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text
}
