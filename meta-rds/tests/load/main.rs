//! Bootstraps, from their texts to plain types.

mod convert;
mod dead_routes;
mod descriptors;
mod document;
mod forms;
mod listeners;
mod malformed;
mod problems;
mod refused;
mod render;
mod sources;
mod support;
mod tls;
