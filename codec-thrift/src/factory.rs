//! Factory: what the crate exports.

use std::sync::Arc;

use meta_core::{
    Capabilities, Codec, CodecFactory, ConfigError, Correlation, Extension, IdSpace, Limits, Role,
    Sharing, WireForm,
};

use crate::{
    codec::ThriftCodec,
    config::{Settings, ThriftConfig},
    form::{Form, Transport},
};

/// The Thrift codec, to be registered with a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thrift;

impl Extension<dyn CodecFactory> for Thrift {
    const TYPE_URL: &'static str =
        "type.googleapis.com/aeraki.meta_protocol_proxy.codec.thrift.v1alpha.Thrift";
    const NAMES: &'static [&'static str] = &[NAME, "thrift"];
    type Config = ThriftConfig;

    fn configure(&self, config: ThriftConfig) -> Result<Arc<dyn CodecFactory>, ConfigError> {
        Ok(Arc::new(ThriftFactory {
            capabilities: capabilities(),
            settings: Arc::new(Settings::new(config)?),
        }))
    }
}

const NAME: &str = "aeraki.meta_protocol.codec.thrift";

#[derive(Debug)]
struct ThriftFactory {
    capabilities: Capabilities,
    settings: Arc<Settings>,
}

impl CodecFactory for ThriftFactory {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn sharing(&self, form: WireForm) -> Sharing {
        match Form::from_number(form.0).map(|form| form.transport) {
            // Answers come as they are ready; a slow call holds up no other.
            Some(Transport::TtHeader { mux: true, .. }) => Sharing::Shared,
            _ => self.capabilities.sharing,
        }
    }

    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(ThriftCodec::new(self.settings.clone(), role, *limits))
    }
}

/// Servers answer one connection's calls one at a time, so that each exchange
/// does best with a connection of its own.
fn capabilities() -> Capabilities {
    let ids = Correlation::ById(IdSpace {
        last: i32::MAX.unsigned_abs().into(),
    });
    let mut capabilities = Capabilities::new(ids, Sharing::Exclusive);
    capabilities.disguised_one_way = true;
    capabilities
}
