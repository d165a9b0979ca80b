//! Configuration: as it is written, and what is refused in it.

use std::collections::BTreeMap;

use meta_core::ConfigError;
use serde::Deserialize;
use tokio::sync::Semaphore;

/// The configuration of the filter. Unknown fields are errors.
///
/// ```
/// let config: filter_fair_share::FairShareConfig = serde_json::from_str(
///     r#"{
///         "class_header": "x-class",
///         "tenants": {
///             "gold": { "in_flight": 100, "wait_ms": 50, "class": "high" },
///             "thief": { "in_flight": 0 }
///         },
///         "others": { "in_flight": 10 }
///     }"#,
/// )?;
/// assert_eq!(config.attribute, "tenant");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FairShareConfig {
    /// The attribute that names a request's tenant. Default: `tenant`.
    #[serde(default = "default_attribute")]
    pub attribute: String,
    /// The header in which servers are told the class of a request's tenant; what a
    /// client says there itself is removed. Default: none.
    #[serde(default)]
    pub class_header: Option<String>,
    /// The share of each tenant. Default: none.
    #[serde(default)]
    pub tenants: BTreeMap<String, ShareConfig>,
    /// The share of all others together. Default: they are refused.
    #[serde(default)]
    pub others: Option<ShareConfig>,
}

/// What a tenant may have under way.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ShareConfig {
    /// Requests under way at a time, over all workers; 0 refuses all.
    pub in_flight: usize,
    /// How long a request over that waits until one of the others is done, in
    /// milliseconds. Default: 0, it is refused at once.
    #[serde(default)]
    pub wait_ms: u64,
    /// What `class_header` says of the tenant. Default: nothing.
    #[serde(default)]
    pub class: Option<String>,
}

fn default_attribute() -> String {
    "tenant".to_owned()
}

impl FairShareConfig {
    /// Finds what no type can rule out.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.attribute.is_empty() {
            return Err(ConfigError::new("attribute", "must not be empty"));
        }
        if self.tenants.is_empty() && self.others.is_none() {
            let reason = "neither tenants nor others: every request would be refused";
            return Err(ConfigError::new("", reason));
        }
        let named = self.tenants.iter();
        let named = named.map(|(name, share)| (format!("tenants.{name}"), share));
        let others = self.others.iter().map(|share| ("others".to_owned(), share));
        for (path, share) in named.chain(others) {
            share
                .check(self.class_header.is_some())
                .map_err(|error| error.within(&path))?;
        }
        Ok(())
    }
}

impl ShareConfig {
    fn check(&self, has_header: bool) -> Result<(), ConfigError> {
        let most = Semaphore::MAX_PERMITS;
        if self.in_flight > most {
            return Err(ConfigError::new("in_flight", format!("is over {most}")));
        }
        if self.class.is_some() && !has_header {
            return Err(ConfigError::new(
                "class",
                "there is no class_header to say it in",
            ));
        }
        Ok(())
    }
}
