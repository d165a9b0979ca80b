//! Factory: what the crate exports.

use std::sync::Arc;

use meta_core::{ConfigError, Extension, FilterFactory, filter_factory};

use crate::{config::FairShareConfig, filter::FairShareFilter};

/// The fair-share filter, to be registered with a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct FairShare;

impl Extension<dyn FilterFactory> for FairShare {
    const TYPE_URL: &'static str = "type.googleapis.com/example.filter.FairShare";
    const NAMES: &'static [&'static str] = &["example.filter.fair_share"];
    type Config = FairShareConfig;

    fn configure(&self, config: FairShareConfig) -> Result<Arc<dyn FilterFactory>, ConfigError> {
        config.check()?;
        Ok(filter_factory(FairShareFilter::new(config)))
    }
}
