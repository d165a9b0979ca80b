//! What the project set itself to reach, relative to the other peers in the
//! same run. Targets are reported, not enforced: the figures depend on the
//! machine.

use super::cases::Plan;
use super::column::Column;
use super::peer::Peer;
use crate::protocol::Form;

/// The most resident memory to be held right after start, in MiB.
pub(crate) const STARTED_MIB: f64 = 12.0;
/// The most to be held with all idle connections open, in MiB.
pub(crate) const CONNECTED_MIB: f64 = 30.0;

/// The peers whose CPU times are set against each other in every case.
const PAIRS: [(Peer, Peer); 7] = [
    (Peer::Ours, Peer::Envoy),
    (Peer::Ours, Peer::EnvoyGeneric),
    (Peer::Ours, Peer::Haproxy),
    (Peer::OursMux, Peer::Envoy),
    (Peer::OursMux, Peer::Haproxy),
    (Peer::OursRun, Peer::Ours),
    (Peer::OursManyRoutes, Peer::OursFewRoutes),
];

/// The columns whose CPU times are set against each other in every case: some
/// peers, and each form with the one that all are compared with.
pub(crate) fn pairs(columns: &[Column]) -> Vec<(Column, Column)> {
    let peers = PAIRS.map(|(ours, other)| (Column::of(ours), Column::of(other)));
    let forms = columns.iter().filter_map(|&column| {
        let base = Column::ours_in(Form::BASE);
        (column.form.is_some() && column != base).then_some((column, base))
    });
    peers.into_iter().chain(forms).collect()
}

/// The upper bound on the first column's CPU time per request as a multiple of
/// the second's, where there is one.
pub(crate) fn ratio(plan: &Plan, case: &str, ours: Column, other: Column) -> Option<f64> {
    match (plan.protocol, ours.form) {
        ("thrift", None) if plan.tls => thrift_tls(ours.peer, other.peer),
        ("thrift", Some(form)) => thrift_form(form),
        ("thrift", None) => thrift(case, ours.peer, other.peer),
        ("dubbo", _) => dubbo(case, ours.peer, other.peer),
        _ => None,
    }
}

/// In each case, as a multiple of framed binary.
fn thrift_form(form: Form) -> Option<f64> {
    match form {
        Form::FramedCompact | Form::UnframedCompact | Form::HeaderBinary | Form::HeaderCompact => {
            Some(1.25)
        }
        Form::UnframedBinary => Some(1.3),
        Form::FramedBinary | Form::Ttheader | Form::TtheaderFramed | Form::FramedJson => None,
    }
}

fn thrift(case: &str, ours: Peer, other: Peer) -> Option<f64> {
    let bound = match (case, ours, other) {
        ("128b-1", Peer::Ours, Peer::Envoy) => 0.45,
        ("128b-1", Peer::Ours, Peer::Haproxy) => 1.1,
        ("128b-16", Peer::Ours, Peer::Envoy) => 0.36,
        ("16k-1" | "16k-16", Peer::Ours, Peer::Envoy) => 0.5,
        ("1m-1", Peer::Ours, Peer::Envoy) => 0.65,
        ("128b-1", Peer::OursMux, Peer::Envoy) => 0.4,
        ("128b-16", Peer::OursMux, Peer::Envoy) => 0.1,
        ("128b-16", Peer::OursMux, Peer::Haproxy) => 1.6,
        (_, Peer::OursRun, Peer::Ours) => 1.03,
        (_, Peer::OursManyRoutes, Peer::OursFewRoutes) => 1.05,
        _ => return None,
    };
    Some(bound)
}

/// In each case.
fn thrift_tls(ours: Peer, other: Peer) -> Option<f64> {
    matches!((ours, other), (Peer::Ours, Peer::Envoy)).then_some(0.6)
}

fn dubbo(case: &str, ours: Peer, other: Peer) -> Option<f64> {
    let bound = match (case, ours, other) {
        ("128b-1", Peer::Ours, Peer::Envoy) => 0.45,
        ("128b-1", Peer::Ours, Peer::Haproxy) => 0.8,
        ("128b-16", Peer::Ours, Peer::Envoy) => 0.11,
        ("128b-16", Peer::Ours, Peer::EnvoyGeneric) => 0.36,
        ("1k-16", Peer::Ours, Peer::Envoy) => 0.22,
        ("1m-1", Peer::Ours, Peer::Envoy) => 1.1,
        _ => return None,
    };
    Some(bound)
}

/// The upper bound on our figure of that name in a case of live routes.
pub(crate) fn live_routes(case: &str, figure: &str) -> Option<f64> {
    let bound = match (case, figure) {
        (_, "updates overtaken") => 0.0,
        ("updates", "push to effect ms, median") => 5.0,
        ("updates", "longest gap ms, beyond quiet") => 20.0,
        ("routes-10k" | "routes-10k-busy", "push to effect ms, median") => 50.0,
        ("routes-10k-busy", "longest gap ms, beyond quiet") => 5.0,
        ("listeners-1k", "first routes: all have answered ms") => 2_000.0,
        _ => return None,
    };
    Some(bound)
}

/// How a value compares with its bound, in a word.
pub(crate) fn verdict(value: f64, bound: f64) -> &'static str {
    if value <= bound { "ok" } else { "over" }
}
