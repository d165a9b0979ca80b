#![doc = include_str!("../README.md")]

mod client;
mod in_process;
mod proxy;
mod server;

// The public interface is:
pub use crate::{
    client::Client,
    in_process::InProcess,
    proxy::{LISTENER, registry, snapshot},
    server::{echo, serve},
};
