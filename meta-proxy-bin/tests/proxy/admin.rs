//! The admin pages.

use std::net::SocketAddr;

use meta_proxy::Running;

use crate::toy::{Server, loopback, proxy};

mod certs;
mod clusters;
mod config_dump;
mod drain;
mod explain;
mod logging;
mod pages;
mod state;
mod stats;

/// A server, a proxy before it, and the proxy's admin.
async fn start() -> (Server, Running, SocketAddr) {
    let server = Server::start("v1").await;
    let running = proxy(&server).admin(loopback()).start().await;
    let running = running.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    (server, running, admin)
}
