//! The load cases.

use super::peer::Peer;

/// Connections in every load case.
pub(crate) const CONNECTIONS: usize = 32;
/// Name of the case that measures memory; it is not a [`Case`].
pub(crate) const MEMORY: &str = "memory";

/// One kind of load.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Bytes in a request's argument.
    pub(crate) body: usize,
    /// Calls in flight on each connection.
    pub(crate) in_flight: usize,
    /// Calls per second; as many as possible if absent.
    pub(crate) rate: Option<f64>,
    /// Whether `ours-mux` takes part.
    multiplexing: bool,
}

impl Case {
    /// Whether a peer takes part in this case.
    pub(crate) fn includes(&self, peer: Peer) -> bool {
        self.multiplexing || peer != Peer::OursMux
    }
}

/// All of them, in the order they are run.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "128b-1",
        body: 128,
        in_flight: 1,
        rate: None,
        multiplexing: true,
    },
    Case {
        name: "128b-16",
        body: 128,
        in_flight: 16,
        rate: None,
        multiplexing: true,
    },
    Case {
        name: "16k-1",
        body: 16 << 10,
        in_flight: 1,
        rate: None,
        multiplexing: false,
    },
    Case {
        name: "16k-16",
        body: 16 << 10,
        in_flight: 16,
        rate: None,
        multiplexing: false,
    },
    Case {
        name: "1m-1",
        body: 1 << 20,
        in_flight: 1,
        rate: None,
        multiplexing: false,
    },
    Case {
        name: "rate-10k",
        body: 128,
        in_flight: 1,
        rate: Some(10_000.0),
        multiplexing: true,
    },
];

/// The names that `--only` takes.
pub(crate) fn names() -> Vec<&'static str> {
    let loads = CASES.iter().map(|case| case.name);
    loads.chain([MEMORY]).collect()
}
