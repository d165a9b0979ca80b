//! Medians over rounds, and ratios between peers.

use serde::Serialize;

use super::measure::Measurement;
use super::report::Row;
use crate::load::Latency;

/// One peer's figure as a multiple of another's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

/// The median of some numbers; none if there are no numbers.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().checked_sub(1)? / 2)?;
    Some((lower + upper) / 2.0)
}

/// The median of each figure over rounds of one case and peer.
pub(crate) fn median_of(rows: &[&Row]) -> Option<Measurement> {
    let of = |figure: fn(&Measurement) -> Option<f64>| {
        median(rows.iter().filter_map(|row| figure(&row.measurement)))
    };
    Some(Measurement {
        requests_per_second: of(|row| Some(row.requests_per_second))?,
        latency: Latency {
            p50: of(|row| Some(row.latency.p50))?,
            p90: of(|row| Some(row.latency.p90))?,
            p99: of(|row| Some(row.latency.p99))?,
            p999: of(|row| Some(row.latency.p999))?,
            max: of(|row| Some(row.latency.max))?,
        },
        cpu: of(|row| row.cpu),
        busy: of(|row| row.busy),
        echo_cpu: of(|row| Some(row.echo_cpu))?,
        peak_memory: of(|row| row.peak_memory.map(|kib| kib as f64)).map(|kib| kib as u64),
    })
}

/// Sets CPU times of the same round against each other: neighbours in time
/// share the machine's mood, so their ratio varies less than either figure.
pub(crate) fn ratio(ours: &[&Row], others: &[&Row]) -> Option<Ratio> {
    let ratios: Vec<f64> = ours
        .iter()
        .filter_map(|our| {
            let other = others.iter().find(|other| other.round == our.round)?;
            Some(our.measurement.cpu? / other.measurement.cpu?)
        })
        .collect();
    Some(Ratio {
        median: median(ratios.iter().copied())?,
        lowest: ratios.iter().copied().reduce(f64::min)?,
        highest: ratios.iter().copied().reduce(f64::max)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }
}
