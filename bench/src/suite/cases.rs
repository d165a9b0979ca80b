//! The load cases of each protocol.

use super::column::Column;
use super::live;
use super::peer::Peer;
use crate::protocol::Form;

/// Name of the case that measures memory; it is not a [`Case`].
pub(crate) const MEMORY: &str = "memory";

/// What is run for a protocol.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The protocol's name.
    pub(crate) protocol: &'static str,
    /// Whether it goes under TLS, on both sides of a proxy.
    pub(crate) tls: bool,
    /// What is compared, in the order of its turns.
    pub(crate) columns: &'static [Column],
    /// The load cases, in the order they are run.
    pub(crate) cases: &'static [Case],
    /// What proxies have to be told for the load of the memory case; there is
    /// no such case if absent.
    pub(crate) memory_limits: Option<Limits>,
}

/// What proxies are told so that they pass a case's bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For our codec.
    pub(crate) codec_config: Option<&'static str>,
    /// How much Envoy may buffer for a connection: 1 MiB by default. It passes
    /// no message of a protocol like Dubbo that does not fit.
    pub(crate) envoy_buffer_bytes: Option<u32>,
}

impl Limits {
    /// Nothing: every proxy as it is by default.
    const DEFAULT: Self = Self {
        codec_config: None,
        envoy_buffer_bytes: None,
    };
}

/// For bodies that Envoy does not pass by default, and we do.
const ENVOY_RAISED: Limits = Limits {
    codec_config: None,
    envoy_buffer_bytes: Some(32 << 20),
};

/// One kind of load.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Size of a request, as the protocol counts it.
    pub(crate) body: usize,
    /// Connections of the load generator.
    pub(crate) connections: usize,
    /// Calls in flight on each connection.
    pub(crate) in_flight: usize,
    /// Calls per second; as many as possible if absent.
    pub(crate) rate: Option<f64>,
    /// What proxies have to be told for bodies of this size.
    pub(crate) limits: Limits,
    /// Who does not take part.
    without: &'static [Peer],
}

impl Case {
    /// Whether a peer takes part in this case.
    pub(crate) fn includes(&self, peer: Peer) -> bool {
        !self.without.contains(&peer)
    }
}

/// What most cases have in common.
const CASE: Case = Case {
    name: "",
    body: 128,
    connections: 32,
    in_flight: 1,
    rate: None,
    limits: Limits::DEFAULT,
    without: &[],
};

/// All protocols.
pub(crate) const PLANS: [Plan; 5] = [
    Plan {
        name: "thrift",
        protocol: "thrift",
        tls: false,
        columns: &[
            Column::of(Peer::Direct),
            Column::of(Peer::Ours),
            Column::of(Peer::OursMux),
            Column::of(Peer::Envoy),
            Column::of(Peer::Haproxy),
        ],
        cases: THRIFT,
        memory_limits: Some(Limits::DEFAULT),
    },
    Plan {
        name: "thrift-tls",
        protocol: "thrift",
        tls: true,
        columns: &[
            Column::of(Peer::Direct),
            Column::of(Peer::Ours),
            Column::of(Peer::Envoy),
            Column::of(Peer::Haproxy),
        ],
        cases: THRIFT_TLS,
        memory_limits: Some(Limits::DEFAULT),
    },
    Plan {
        name: "thrift-forms",
        protocol: "thrift",
        tls: false,
        columns: &[
            Column::ours_in(Form::FramedBinary),
            Column::ours_in(Form::FramedCompact),
            Column::ours_in(Form::UnframedBinary),
            Column::ours_in(Form::UnframedCompact),
            Column::ours_in(Form::HeaderBinary),
            Column::ours_in(Form::HeaderCompact),
            Column::ours_in(Form::Ttheader),
            Column::ours_in(Form::TtheaderFramed),
            Column::ours_in(Form::FramedJson),
        ],
        cases: SMALL,
        memory_limits: None,
    },
    Plan {
        name: "thrift-config",
        protocol: "thrift",
        tls: false,
        columns: &[
            Column::of(Peer::Ours),
            Column::of(Peer::OursRun),
            Column::of(Peer::OursFewRoutes),
            Column::of(Peer::OursManyRoutes),
        ],
        cases: SMALL,
        memory_limits: None,
    },
    Plan {
        name: "dubbo",
        protocol: "dubbo",
        tls: false,
        columns: &[
            Column::of(Peer::Direct),
            Column::of(Peer::Ours),
            Column::of(Peer::Envoy),
            Column::of(Peer::EnvoyGeneric),
            Column::of(Peer::Haproxy),
        ],
        cases: DUBBO,
        memory_limits: Some(ENVOY_RAISED),
    },
];

const THRIFT: &[Case] = &[
    Case {
        name: "128b-1",
        ..CASE
    },
    Case {
        name: "128b-16",
        in_flight: 16,
        ..CASE
    },
    Case {
        name: "16k-1",
        body: 16 << 10,
        without: &[Peer::OursMux],
        ..CASE
    },
    Case {
        name: "16k-16",
        body: 16 << 10,
        in_flight: 16,
        without: &[Peer::OursMux],
        ..CASE
    },
    Case {
        name: "1m-1",
        body: 1 << 20,
        without: &[Peer::OursMux],
        ..CASE
    },
    Case {
        name: "rate-10k",
        rate: Some(10_000.0),
        ..CASE
    },
];

const THRIFT_TLS: &[Case] = &[
    Case {
        name: "128b-1",
        ..CASE
    },
    Case {
        name: "128b-16",
        in_flight: 16,
        ..CASE
    },
    Case {
        name: "16k-1",
        body: 16 << 10,
        ..CASE
    },
    Case {
        name: "1m-1",
        body: 1 << 20,
        ..CASE
    },
];

/// Where most of the cost is that of a message.
const SMALL: &[Case] = &[
    Case {
        name: "128b-1",
        ..CASE
    },
    Case {
        name: "128b-16",
        in_flight: 16,
        ..CASE
    },
];

const DUBBO: &[Case] = &[
    Case {
        name: "128b-1",
        ..CASE
    },
    Case {
        name: "128b-16",
        in_flight: 16,
        ..CASE
    },
    Case {
        name: "1k-16",
        body: 1 << 10,
        in_flight: 16,
        ..CASE
    },
    Case {
        name: "16k-1",
        body: 16 << 10,
        ..CASE
    },
    Case {
        name: "1m-1",
        body: 1 << 20,
        limits: ENVOY_RAISED,
        ..CASE
    },
    Case {
        name: "8m-1",
        body: 8 << 20,
        connections: 8,
        limits: Limits {
            codec_config: Some(r#"{"max_payload_bytes": 16777216}"#),
            ..ENVOY_RAISED
        },
        ..CASE
    },
    Case {
        name: "rate-10k",
        rate: Some(10_000.0),
        ..CASE
    },
];

/// The names that `--only` takes.
pub(crate) fn names() -> Vec<&'static str> {
    let cases = PLANS.iter().flat_map(|plan| plan.cases);
    let cases = cases.map(|case| case.name).chain([MEMORY]);
    let mut names: Vec<_> = cases.chain(live::names()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The names that `--protocol` takes, next to `all`.
pub(crate) fn protocols() -> Vec<&'static str> {
    let plans = PLANS.iter().map(|plan| plan.name);
    plans.chain([live::NAME]).collect()
}
