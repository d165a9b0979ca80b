//! Handshakes between real ends.

mod chosen;
mod good;
mod pki;
mod refused;
#[cfg(unix)]
mod reload;
mod setup;
