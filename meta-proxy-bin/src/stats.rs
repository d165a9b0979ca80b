//! The statistics of a proxy, under Envoy's and Aeraki's names.
//!
//! | names | what |
//! |---|---|
//! | `meta_protocol.<stat_prefix>.<name>` | what the connections of a listener count: [`DownstreamStats`](crate::meta_codec::DownstreamStats); what its filters count, under names of their own |
//! | `cluster.<cluster>.<name>` | what the connections to a cluster count: [`UpstreamStats`](crate::meta_codec::UpstreamStats), and its endpoints: [`MembershipStats`](crate::meta_router::MembershipStats) |
//! | `listener.<address>.<name>` | connections, in all and by worker; TLS handshakes |
//! | `tls_inspector.<name>`, `proxy_proto.<name>` | what listener filters find |
//! | `filesystem.<name>`, `access_log.<name>` | access logs: [`AccessLogStats`](crate::meta_filters::access_log::AccessLogStats) |
//! | `listener_manager.<name>`, `cluster_manager.<name>` | how many listeners and clusters there are |
//! | `meta_protocol.<stat_prefix>.rds.<table>.<name>` | routes that come from elsewhere: [`RdsStats`](crate::meta_rds::RdsStats) |
//! | `control_plane.connected_state` | 1 while all control planes of the routes can be reached, 0 while one cannot |
//! | `server.<name>` | the process |

use std::{collections::BTreeMap, fmt::Write as _};

use meta_core::stats::{BUCKETS_MS, Cell, HistogramSnapshot};

mod cells;
mod collect;
mod json;
mod prometheus;
#[cfg(test)]
mod tests;

/// What was counted up to one moment, summed over all workers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The name without what became a label.
    family: String,
    labels: Vec<(&'static str, String)>,
    value: StatValue,
}

/// One statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatValue {
    /// A count that only grows.
    Counter(u64),
    /// A number that comes and goes.
    Gauge(i64),
    /// How durations are spread.
    Histogram(HistogramSnapshot),
}

impl Stats {
    /// The statistic `name`, such as `cluster.backend.upstream_rq_total`.
    pub fn get(&self, name: &str) -> Option<&StatValue> {
        self.entries.get(name).map(|entry| &entry.value)
    }

    /// The counter `name`; 0 where there is none.
    pub fn counter(&self, name: &str) -> u64 {
        match self.get(name) {
            Some(StatValue::Counter(count)) => *count,
            _ => 0,
        }
    }

    /// The gauge `name`; 0 where there is none.
    pub fn gauge(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(StatValue::Gauge(value)) => *value,
            _ => 0,
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &StatValue)> {
        let entries = self.entries.iter();
        entries.map(|(name, entry)| (name.as_str(), &entry.value))
    }

    /// Those whose names `keep` wants.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.entries.retain(|name, _| keep(name));
        self
    }

    /// Those that `keep` wants.
    #[must_use]
    pub(crate) fn selected(mut self, keep: impl Fn(&str, &StatValue) -> bool) -> Self {
        self.entries.retain(|name, entry| keep(name, &entry.value));
        self
    }

    /// Takes from each counter what it was when `before` was collected.
    pub(crate) fn since(&mut self, before: &Self) {
        for (name, entry) in &mut self.entries {
            if let StatValue::Counter(count) = &mut entry.value {
                *count = count.saturating_sub(before.counter(name));
            }
        }
    }

    /// A line `name: value` for each; of histograms, count and sum.
    pub fn to_text(&self) -> String {
        self.to_text_with(Buckets::None)
    }

    pub(crate) fn to_text_with(&self, buckets: Buckets) -> String {
        let mut text = String::new();
        for (name, value) in self.iter() {
            // Writing to a string does not fail.
            let _ = match value {
                StatValue::Counter(count) => writeln!(text, "{name}: {count}"),
                StatValue::Gauge(value) => writeln!(text, "{name}: {value}"),
                StatValue::Histogram(histogram) => {
                    let (count, sum) = (histogram.count(), sum_ms(histogram));
                    let _ = write!(text, "{name}: count={count} sum_ms={sum}");
                    for (bound, count) in buckets.of(histogram) {
                        let _ = write!(text, " B{bound}:{count}");
                    }
                    writeln!(text)
                }
            };
        }
        text
    }

    /// Adds `value` to what stands under the same name.
    fn add(&mut self, scope: &Scope<'_>, metric: &str, value: StatValue) {
        match self.entries.get_mut(&scope.name(metric)) {
            Some(entry) => entry.value.merge(value),
            None => self.insert(scope, metric, value),
        }
    }

    /// Keeps the lower of `value` and what stands under the same name.
    fn add_lowest(&mut self, scope: &Scope<'_>, metric: &str, value: i64) {
        match self.entries.get_mut(&scope.name(metric)) {
            Some(Entry {
                value: StatValue::Gauge(lowest),
                ..
            }) => *lowest = value.min(*lowest),
            _ => self.insert(scope, metric, StatValue::Gauge(value)),
        }
    }

    fn insert(&mut self, scope: &Scope<'_>, metric: &str, value: StatValue) {
        let entry = Entry {
            family: join(&scope.family(), metric),
            labels: scope.labels(),
            value,
        };
        self.entries.insert(scope.name(metric), entry);
    }
}

/// A name of two parts, the first of which may be empty.
fn join(before: &str, after: &str) -> String {
    match before {
        "" => after.to_owned(),
        before => format!("{before}.{after}"),
    }
}

/// What of a histogram is shown besides count and sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buckets {
    None,
    /// How many are not over each bound.
    Cumulative,
    /// How many are between each bound and the one before.
    Disjoint,
}

impl Buckets {
    /// Upper bounds in milliseconds, and counts.
    fn of(self, histogram: &HistogramSnapshot) -> Vec<(f64, u64)> {
        if self == Self::None {
            return Vec::new();
        }
        let mut below = 0;
        let buckets = BUCKETS_MS.into_iter().zip(histogram.buckets);
        let counted = buckets.map(|(bound, count)| {
            below += count;
            match self {
                Self::Disjoint => (bound, count),
                _ => (bound, below),
            }
        });
        counted.collect()
    }
}

/// What a statistic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatKind {
    Counter,
    Gauge,
    Histogram,
}

impl StatValue {
    pub(crate) fn kind(&self) -> StatKind {
        match self {
            Self::Counter(_) => StatKind::Counter,
            Self::Gauge(_) => StatKind::Gauge,
            Self::Histogram(_) => StatKind::Histogram,
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Counter(count) => *count == 0,
            Self::Gauge(value) => *value == 0,
            Self::Histogram(histogram) => histogram.count() == 0,
        }
    }

    /// What stands in `cell`, where it is of a kind known here.
    fn of(cell: Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Counter(counter) => Self::Counter(counter.value()),
            Cell::Gauge(gauge) => Self::Gauge(gauge.value()),
            Cell::Histogram(histogram) => Self::Histogram(histogram.snapshot()),
            _ => return None,
        })
    }

    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Counter(count), Self::Counter(more)) => *count += more,
            (Self::Gauge(value), Self::Gauge(more)) => *value += more,
            (Self::Histogram(histogram), Self::Histogram(more)) => histogram.merge(&more),
            // One name stands for one kind.
            _ => {}
        }
    }
}

/// Whose statistics they are.
#[derive(Clone, Copy, Debug)]
enum Scope<'a> {
    /// The connections of the listeners of a prefix.
    MetaProtocol(&'a str),
    Cluster(&'a str),
    /// A listener, by its address.
    Listener(&'a str),
    ListenerWorker(&'a str, usize),
    /// What is written to files, as Envoy counts it.
    Filesystem,
    AccessLog,
    ListenerManager,
    ClusterManager,
    Server,
    /// What says itself whose it is.
    Whole,
}

impl Scope<'_> {
    /// What names begin with.
    fn root(&self) -> &'static str {
        match self {
            Self::MetaProtocol(_) => "meta_protocol",
            Self::Cluster(_) => "cluster",
            Self::Listener(_) | Self::ListenerWorker(..) => "listener",
            Self::Filesystem => "filesystem",
            Self::AccessLog => "access_log",
            Self::ListenerManager => "listener_manager",
            Self::ClusterManager => "cluster_manager",
            Self::Server => "server",
            Self::Whole => "",
        }
    }

    /// What stands between that and the name proper.
    fn path(&self) -> String {
        match self {
            Self::MetaProtocol(name) | Self::Cluster(name) | Self::Listener(name) => {
                (*name).to_owned()
            }
            Self::ListenerWorker(name, worker) => format!("{name}.worker_{worker}"),
            _ => String::new(),
        }
    }

    /// The whole name.
    fn name(&self, metric: &str) -> String {
        let path = self.path();
        match path.as_str() {
            "" => join(self.root(), metric),
            path => format!("{}.{path}.{metric}", self.root()),
        }
    }

    /// What names begin with where the rest are labels. Envoy has no label for
    /// the prefix of network filters.
    fn family(&self) -> String {
        match self {
            Self::MetaProtocol(prefix) => format!("meta_protocol.{prefix}"),
            Self::ListenerWorker(..) => "listener.worker".to_owned(),
            _ => self.root().to_owned(),
        }
    }

    fn labels(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Cluster(name) => vec![("envoy_cluster_name", (*name).to_owned())],
            Self::Listener(address) => vec![("envoy_listener_address", (*address).to_owned())],
            Self::ListenerWorker(address, worker) => vec![
                ("envoy_listener_address", (*address).to_owned()),
                ("envoy_worker_id", worker.to_string()),
            ],
            _ => Vec::new(),
        }
    }
}

fn sum_ms(histogram: &HistogramSnapshot) -> f64 {
    histogram.sum_us as f64 / 1_000.0
}
