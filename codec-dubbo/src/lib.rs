#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod ascii;
mod attachments;
mod body;
mod codec;
mod config;
mod decode;
mod descriptor;
mod encode;
mod error;
mod factory;
mod head;
mod hessian;
mod invocation;
mod jsonb;
mod text;
pub mod wire;

// The public interface is:
pub use crate::{
    config::{DubboConfig, OnMismatch},
    factory::Dubbo,
};
