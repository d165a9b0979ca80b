#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod buffer;
mod clock;
mod downstream;
mod drain;
mod stats;
mod timer;
mod transport;
mod upstream;

// The public interface is:
pub use crate::{
    clock::now,
    downstream::{CloseReason, Downstream, DownstreamConfig},
    drain::Drain,
    stats::{DownstreamStats, EndpointStats, UpstreamStats},
    timer::{RESOLUTION, Timer, Wheel, WheelDriver},
    transport::{Transport, TransportSocket},
    upstream::{
        Exclusive, Heartbeat, Shared, SharedCall, SharedDriver, SharedSend, Upstream,
        UpstreamConfig,
    },
};
