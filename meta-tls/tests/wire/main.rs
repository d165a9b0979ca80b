//! Handshakes between real ends.

mod chosen;
mod good;
mod pki;
mod reads;
mod refused;
#[cfg(unix)]
mod reload;
mod setup;
