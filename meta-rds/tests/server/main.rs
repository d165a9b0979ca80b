//! The server of routes: folders, and clients over a network.

mod directory;
mod mesh;
mod support;
mod tls;
