//! Route tables from control planes and files.

mod captured;
mod convert;
mod forms;
mod refused;
mod support;
