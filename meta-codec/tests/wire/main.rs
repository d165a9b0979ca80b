//! A scripted client and a scripted server, and what drives codecs between them.
//!
//! Streams within the process run in simulated time: what is awaited there comes
//! as soon as nothing else can happen. What depends on a socket's semantics runs
//! over loopback TCP, in real time, and waits for events alone.

mod aborts;
mod backpressure;
mod bounds;
mod buffered;
mod chaos;
mod codecs;
mod deadlines;
mod disguised;
mod downstream;
mod drain;
mod draining;
mod drops;
mod exclusive;
mod fidelity;
mod hangup;
mod heartbeat;
mod last_words;
mod order;
mod oversized;
mod peer;
mod pushes;
mod readiness;
mod refused;
mod reuse;
mod service;
mod setup;
mod shared;
mod shared_end;
mod slow_server;
mod spared;
mod streams;
mod timers;
mod types;
mod unread;

#[global_allocator]
static ALLOCATOR: meta_codec_test::alloc::Counting = meta_codec_test::alloc::Counting;
