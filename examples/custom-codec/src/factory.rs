//! Factory: what the crate exports.

use std::sync::Arc;

use meta_core::{
    Capabilities, Codec, CodecFactory, ConfigError, Correlation, Extension, IdSpace, Limits, Role,
    Sharing,
};

use crate::{codec::ParcelCodec, config::ParcelConfig};

const NAME: &str = "example.codec.parcel";

/// The Parcel codec, to be registered with a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parcel;

impl Extension<dyn CodecFactory> for Parcel {
    const TYPE_URL: &'static str = "type.googleapis.com/example.codec.Parcel";
    const NAMES: &'static [&'static str] = &[NAME];
    type Config = ParcelConfig;

    fn configure(&self, config: ParcelConfig) -> Result<Arc<dyn CodecFactory>, ConfigError> {
        config.check()?;
        Ok(Arc::new(ParcelFactory {
            capabilities: capabilities(),
            config,
        }))
    }
}

#[derive(Debug)]
struct ParcelFactory {
    capabilities: Capabilities,
    config: ParcelConfig,
}

impl CodecFactory for ParcelFactory {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn codec(&self, _: Role, limits: &Limits) -> Box<dyn Codec> {
        let mut limits = *limits;
        limits.message_bytes = limits.message_bytes.min(self.config.max_message_bytes);
        Box::new(ParcelCodec::new(limits))
    }
}

/// Answers carry the id of their call and come in any order, so that all clients
/// can share a connection.
fn capabilities() -> Capabilities {
    let ids = Correlation::ById(IdSpace {
        last: u32::MAX.into(),
    });
    let mut capabilities = Capabilities::new(ids, Sharing::Shared);
    capabilities.heartbeat = true;
    capabilities
}
