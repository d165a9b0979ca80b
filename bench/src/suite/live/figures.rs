//! Named figures, and the table that compares those of two proxies.

use serde::Serialize;

use crate::suite::peer::Peer;
use crate::suite::stats::median;
use crate::suite::table::Table;
use crate::suite::targets;

/// What one round found out, in the order of the table.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Figures(Vec<(&'static str, f64)>);

/// A round's, and whose they are.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) case: &'static str,
    pub(super) peer: Peer,
    pub(super) round: usize,
    pub(super) figures: Figures,
}

impl Figures {
    pub(super) fn add(&mut self, name: &'static str, value: f64) {
        self.0.push((name, value));
    }

    fn of(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| *value)
    }
}

/// Each figure's median over the rounds, ours beside Envoy's, with their ratio in the
/// same round and the bound on ours.
pub(super) fn table(case: &'static str, rows: &[Row]) -> Table {
    let mut table = Table::new(&["", "ours", "envoy", "ours/envoy", "target"]);
    let of = |peer: Peer| {
        let rows = rows.iter();
        rows.filter(move |row| row.case == case && row.peer == peer)
    };
    let Some(first) = rows.iter().find(|row| row.case == case) else {
        return table;
    };
    for (name, _) in &first.figures.0 {
        let of_peer = |peer| median(of(peer).filter_map(|row| row.figures.of(name)));
        let ratios = of(Peer::Ours).filter_map(|ours| {
            let other = of(Peer::Envoy).find(|other| other.round == ours.round)?;
            let (ours, other) = (ours.figures.of(name)?, other.figures.of(name)?);
            // A difference may be below zero.
            (ours >= 0.0 && other > 0.0).then(|| ours / other)
        });
        let ours = of_peer(Peer::Ours);
        let bound = targets::live_routes(case, name);
        let verdict = bound.zip(ours).map(|(bound, value)| {
            let verdict = targets::verdict(value, bound);
            format!("{bound} {verdict}")
        });
        table.row(vec![
            (*name).to_owned(),
            shown(ours, 2),
            shown(of_peer(Peer::Envoy), 2),
            shown(median(ratios), 2),
            verdict.unwrap_or_default(),
        ]);
    }
    table
}

fn shown(value: Option<f64>, decimals: usize) -> String {
    match value {
        Some(value) if value.fract() == 0.0 && value.abs() >= 1.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.decimals$}"),
        None => "-".to_owned(),
    }
}
