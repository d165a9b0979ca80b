#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod config;
mod factory;
mod filter;
mod stats;

// The public interface is:
pub use crate::{
    config::{FairShareConfig, ShareConfig},
    factory::FairShare,
};
