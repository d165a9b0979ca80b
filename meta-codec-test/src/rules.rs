//! The rules, by what they look at.

pub(crate) mod any;
pub(crate) mod control;
pub(crate) mod errors;
pub(crate) mod limit;
pub(crate) mod memory;
pub(crate) mod read;
pub(crate) mod refuse;
pub(crate) mod write;
