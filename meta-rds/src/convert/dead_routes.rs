//! Warnings of routes that no request takes.

use meta_router::{RouteTable, WhyDead};

use super::Converter;
use crate::path::Path;

impl Converter<'_> {
    /// `path` is where the table's routes stand, `list` what their conditions stand in.
    pub(crate) fn dead_routes(&mut self, table: &RouteTable, path: &Path<'_>, list: &str) {
        for dead in table.dead_routes() {
            let route = path.index(dead.index);
            match &dead.why {
                WhyDead::Shadowed { by } => {
                    let first = path.index(*by);
                    let text = format!("no request takes it: {first} takes all that it matches");
                    self.warn(&route, text);
                }
                WhyDead::Contradiction { conditions } => {
                    self.contradiction(conditions, &route, list);
                }
                // Of a kind that came after this was written.
                _ => self.warn(&route, "no request takes it"),
            }
        }
    }

    fn contradiction(&mut self, conditions: &[usize], route: &Path<'_>, list: &str) {
        let matching = route.field("match");
        let list = matching.field(list);
        let Some((last, others)) = conditions.split_last() else {
            return;
        };
        let others = others.iter().map(|at| list.index(*at).to_string());
        let others: Vec<_> = others.collect();
        let text = match others[..] {
            [] => "no request fulfils it".to_owned(),
            _ => format!(
                "no request fulfils it together with {}",
                others.join(" and ")
            ),
        };
        self.warn(&list.index(*last), text);
    }
}
