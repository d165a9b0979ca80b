//! The admin: pages that tell of a proxy, and some that change it.

mod certs;
mod clusters;
mod config_dump;
mod drain;
mod explain;
mod listeners;
mod logging;
mod memory;
mod pages;
mod query;
mod runtime;
mod server;
mod server_info;
mod state;
mod stats;

pub(crate) use self::server::serve;
