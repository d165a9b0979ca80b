//! The report for programs to read.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Report, median_of, targets};

impl Report {
    /// Everything, with every round, the medians and the ratios.
    pub(crate) fn to_json(&self) -> Result<Value> {
        let mut medians = Vec::new();
        let mut ratios = Vec::new();
        for case in self.plan.cases {
            for &column in self.plan.columns {
                if let Some(median) = median_of(&self.rows(case.name, column)) {
                    let (peer, form) = (column.peer, column.form);
                    medians.push(json!({
                        "case": case.name, "peer": peer, "form": form, "median": median,
                    }));
                }
            }
            for (ours, other) in targets::pairs(self.plan.columns) {
                if let Some(ratio) = self.ratio(case.name, ours, other) {
                    let target = targets::ratio(self.plan, case.name, ours, other);
                    ratios.push(json!({
                        "case": case.name,
                        "ours": ours.to_string(), "other": other.to_string(),
                        "ratio": ratio, "target": target,
                    }));
                }
            }
        }
        let mut whole = serde_json::to_value(self)?;
        whole["medians"] = medians.into();
        whole["ratios"] = ratios.into();
        Ok(whole)
    }
}
