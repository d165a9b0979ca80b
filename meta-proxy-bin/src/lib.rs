#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod about;
mod accept;
mod admin;
mod arrival;
mod bootstrap;
mod builder;
pub mod cli;
mod config;
mod dispatch;
mod document;
mod error;
mod explain;
mod hand_off;
mod handle;
mod inspect;
mod listener;
mod live;
mod registry;
mod socket;
pub mod stats;
mod supervisor;
mod sys;
mod worker;

// The public interface is:
pub use crate::{
    about::{Levels, LogLevels, MemoryUse},
    builder::{Proxy, ProxyBuilder, Workers},
    config::{ExtensionConfig, FilterChainConfig, ListenerConfig, Snapshot},
    error::{ApplyError, StartError, UpdateError},
    handle::{DrainReport, Handle, Phase, Running},
    registry::{LookupError, Registry, RegistryError},
    socket::{ListenSocket, MemoryConnector, MemoryListener, memory},
};
// What the types above are made of; one version of each in a program.
pub use {meta_codec, meta_core, meta_filters, meta_rds, meta_router, meta_tls};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_can_be_shared_between_threads() {
        fn assert<T: Send + Sync>() {}
        assert::<Registry>();
        assert::<ProxyBuilder>();
        assert::<Running>();
        assert::<Handle>();
        assert::<Snapshot>();
        assert::<stats::Stats>();
        assert::<StartError>();
        assert::<ApplyError>();
        assert::<LookupError>();
        assert::<MemoryConnector>();
        assert::<ListenSocket>();
    }
}
