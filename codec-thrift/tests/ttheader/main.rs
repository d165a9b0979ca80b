//! What users of TTHeader notice, beyond the rules of the kit.

mod common;
mod connections;
mod mutation;
mod reading;
mod recorded;
mod refused;
