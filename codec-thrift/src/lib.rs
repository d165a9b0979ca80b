#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod codec;
mod config;
mod decode;
mod describe;
mod detect;
mod encode;
mod error;
mod factory;
mod form;
mod head;
mod json;
mod theader;
mod ttheader;
mod walk;
pub mod wire;

// The public interface is:
pub use crate::{
    config::{ProtocolChoice, ThriftConfig, TransportChoice},
    factory::Thrift,
};
