//! The router between scripted clients and scripted servers.
//!
//! Streams within the process run in simulated time: what is awaited there comes
//! as soon as nothing else can happen. What depends on a socket's semantics runs
//! over loopback TCP, in real time, and waits for events alone.

mod avoid;
mod bounds;
mod busy;
mod cancel;
mod churn;
mod client;
mod come_and_go;
mod dns;
mod draining;
mod exclusive;
mod filters;
mod forms;
mod idle;
mod max_requests;
mod membership;
mod mirror;
mod mutation;
mod name_server;
mod network;
mod one_way;
mod order;
mod peer;
mod replies;
mod restart;
mod rolling;
mod secured;
mod server;
mod session;
mod setup;
mod shared;
mod shared_connect;
mod soak;
mod streams;
mod threads;
mod timeouts;
mod unbound;
mod waiting;
mod workers;

#[global_allocator]
static ALLOCATOR: meta_codec_test::alloc::Counting = meta_codec_test::alloc::Counting;
