//! Handshakes between real ends.

mod good;
mod pki;
mod refused;
mod setup;
