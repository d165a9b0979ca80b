//! Factory: what the crate exports.

use std::sync::Arc;

use meta_core::{
    Capabilities, Codec, CodecFactory, ConfigError, Correlation, Extension, IdSpace, Limits, Role,
    Sharing,
};

use crate::{
    codec::DubboCodec,
    config::{DubboConfig, Settings},
};

/// The Dubbo codec, to be registered with a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dubbo;

impl Extension<dyn CodecFactory> for Dubbo {
    const TYPE_URL: &'static str =
        "type.googleapis.com/aeraki.meta_protocol_proxy.codec.dubbo.v1alpha.Dubbo";
    const NAMES: &'static [&'static str] = &[NAME, "dubbo"];
    type Config = DubboConfig;

    fn configure(&self, config: DubboConfig) -> Result<Arc<dyn CodecFactory>, ConfigError> {
        Ok(Arc::new(DubboFactory {
            capabilities: capabilities(),
            settings: Arc::new(Settings::new(config)?),
        }))
    }
}

const NAME: &str = "aeraki.meta_protocol.codec.dubbo";

#[derive(Debug)]
struct DubboFactory {
    capabilities: Capabilities,
    settings: Arc<Settings>,
}

impl CodecFactory for DubboFactory {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(DubboCodec::new(self.settings.clone(), role, *limits))
    }
}

/// Clients and servers multiplex one connection by id, which may be any number;
/// ours are positive for those that print them.
fn capabilities() -> Capabilities {
    let ids = Correlation::ById(IdSpace {
        last: i64::MAX.unsigned_abs(),
    });
    let mut capabilities = Capabilities::new(ids, Sharing::Shared);
    capabilities.heartbeat = true;
    capabilities.server_requests = true;
    capabilities
}
