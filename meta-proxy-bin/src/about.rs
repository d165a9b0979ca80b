//! What the admin tells of a process that its proxy does not know by itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use meta_rds::{BootstrapFile, NodeInfo};
use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;

use crate::bootstrap::Fixed;

/// How much is logged: a level for all, and others for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// For whatever is not named.
    pub default: LevelFilter,
    /// By crate or module, such as `meta_router` or `meta_router::pool`; the longest
    /// name counts.
    pub targets: BTreeMap<String, LevelFilter>,
}

impl Levels {
    /// The same level for all.
    pub fn new(default: LevelFilter) -> Self {
        Self {
            default,
            targets: BTreeMap::new(),
        }
    }

    /// The level that holds for a crate or module.
    pub fn of(&self, target: &str) -> LevelFilter {
        let is_in = |name: &str| {
            let rest = target.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let named = self.targets.iter().filter(|(name, _)| is_in(name));
        let longest = named.max_by_key(|(name, _)| name.len());
        longest.map_or(self.default, |(_, level)| *level)
    }
}

/// A log whose levels can be changed while it is written: what `/logging` needs.
///
/// The program's own log is one; a program that embeds the proxy and has a
/// subscriber of its own passes one to
/// [`ProxyBuilder::log_levels`](crate::ProxyBuilder::log_levels).
pub trait LogLevels: Send + Sync {
    /// The levels in force.
    fn levels(&self) -> Levels;

    /// Puts others in force.
    ///
    /// # Errors
    ///
    /// Where that cannot be done, the reason.
    fn set(&self, levels: Levels) -> Result<(), String>;
}

/// What an allocator knows of the memory of its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryUse {
    /// Bytes that the program has allocated and not freed.
    pub allocated_bytes: Option<u64>,
    /// Bytes that the allocator has of the system.
    pub heap_bytes: Option<u64>,
}

impl MemoryUse {
    /// Of both nothing is known.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What the builder was told for the admin alone.
pub(crate) struct About {
    pub(crate) node: NodeInfo,
    /// The command line, in the fields of Envoy's `CommandLineOptions`.
    pub(crate) command_line: Map<String, Value>,
    /// The bootstrap as JSON, without secrets.
    pub(crate) document: Option<Arc<str>>,
    /// What of the bootstrap cannot change.
    pub(crate) fixed: Option<Fixed>,
    /// The bootstrap's file, where it is followed; until that begins.
    pub(crate) file: Option<BootstrapFile>,
    pub(crate) log_levels: Option<Arc<dyn LogLevels>>,
    pub(crate) memory: Option<fn() -> MemoryUse>,
    /// How long a drain that the admin is asked for may take.
    pub(crate) drain_time: Duration,
}

impl Default for About {
    fn default() -> Self {
        Self {
            node: NodeInfo::default(),
            command_line: Map::new(),
            document: None,
            fixed: None,
            file: None,
            log_levels: None,
            memory: None,
            drain_time: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_counts() {
        let mut levels = Levels::new(LevelFilter::INFO);
        let targets = [
            ("meta_router", LevelFilter::WARN),
            ("meta_router::pool", LevelFilter::TRACE),
        ];
        levels.targets = targets.map(|(name, level)| (name.to_owned(), level)).into();
        for (target, expected) in [
            ("meta_codec", LevelFilter::INFO),
            ("meta_router", LevelFilter::WARN),
            ("meta_router::table", LevelFilter::WARN),
            ("meta_router::pool::shared", LevelFilter::TRACE),
            ("meta_router_of_others", LevelFilter::INFO),
        ] {
            assert_eq!(levels.of(target), expected, "{target}");
        }
    }
}
