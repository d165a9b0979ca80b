//! A proxy between scripted Dubbo clients and providers.

mod access_log;
mod backpressure;
mod bounds;
mod callbacks;
mod draining;
mod exclusive;
mod failures;
mod heartbeats;
mod hostile;
mod ids;
mod mismatch;
mod one_way;
mod payload;
mod provider;
mod read_only;
mod routing;
mod scene;
mod serializations;
mod sharing;
mod wire;
