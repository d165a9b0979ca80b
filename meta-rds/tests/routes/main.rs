//! Route tables from control planes and files.

mod captured;
mod convert;
mod forms;
mod hostile;
mod refused;
mod support;
