#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod codec;
mod config;
mod decode;
mod encode;
mod error;
mod factory;
mod head;
mod texts;
pub mod wire;

// The public interface is:
pub use crate::{config::ParcelConfig, factory::Parcel};
