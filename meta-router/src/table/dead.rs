//! Routes that no request takes.

use hashbrown::HashMap;
use meta_core::{ConnectionAttribute, MetadataMatcher};

use self::condition::{Values, contradiction, imply};
use crate::table::{RouteTable, fold::Fold};

mod condition;
#[cfg(test)]
pub(super) mod tests;

/// So many pairs of routes are compared at most.
const MAX_COMPARISONS: usize = 5_000_000;

/// A route that no request takes, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadRoute {
    /// Its place in the table, the first being 0.
    pub index: usize,
    /// What is the matter with it.
    pub why: WhyDead,
}

/// Why no request takes a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyDead {
    /// An earlier route matches whatever it matches.
    Shadowed {
        /// The place of the first such route in the table.
        by: usize,
    },
    /// Nothing fulfils its conditions.
    Contradiction {
        /// The places of conditions, ascending, on one attribute that exclude each
        /// other; a single one where it excludes everything.
        conditions: Vec<usize>,
    },
}

/// What conditions are about: an attribute of the connection, or the attribute of the
/// message that is looked up under this name.
///
/// Names that differ in case may find different values, so that they are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'a> {
    Connection(ConnectionAttribute),
    Message(&'a str),
}

/// An exact condition: whoever implies it has it, too, whatever the case of its value.
type Pair<'a> = (Key<'a>, Fold<'a>);

/// A route's conditions, taken apart by what they are about; each with its place.
struct Conditions<'a>(Vec<(Key<'a>, Vec<(usize, Values<'a>)>)>);

impl RouteTable {
    /// The routes that no request takes: those whose conditions contradict each other,
    /// and those behind a route that matches whatever they do.
    ///
    /// Those told of are dead for certain. Others may be, too, such as those that
    /// several routes shadow together, or that only a look into expressions would tell
    /// of.
    ///
    /// Takes time for each pair of routes without an exact condition, for 5,000,000
    /// pairs at most: behind them shadows are not looked for. For people, not for the
    /// data path.
    pub fn dead_routes(&self) -> Vec<DeadRoute> {
        let routes = self.rows.iter().map(|row| Conditions::of(&row.matchers));
        let routes: Vec<_> = routes.collect();
        let mut living = Living::new(&routes);
        let mut dead = Vec::new();
        for (index, conditions) in routes.iter().enumerate() {
            let contradiction = conditions.contradiction();
            let why = match contradiction {
                Some(conditions) => Some(WhyDead::Contradiction { conditions }),
                None => living.shadow(conditions),
            };
            match why {
                Some(why) => dead.push(DeadRoute { index, why }),
                None => living.add(index, conditions),
            }
        }
        dead
    }
}

impl<'a> Key<'a> {
    fn of(name: &'a str) -> Self {
        match ConnectionAttribute::of_name(name) {
            Some(attribute) => Self::Connection(attribute),
            None => Self::Message(name),
        }
    }
}

impl<'a> Conditions<'a> {
    fn of(matchers: &'a [MetadataMatcher]) -> Self {
        let mut keys: Vec<(Key<'a>, Vec<(usize, Values<'a>)>)> = Vec::new();
        for (at, matcher) in matchers.iter().enumerate() {
            let key = Key::of(&matcher.name);
            let values = (at, Values(matcher));
            match keys.iter_mut().find(|(own, _)| *own == key) {
                Some((_, all)) => all.push(values),
                None => keys.push((key, vec![values])),
            }
        }
        Self(keys)
    }

    /// Conditions that exclude each other.
    fn contradiction(&self) -> Option<Vec<usize>> {
        let mut keys = self.0.iter();
        keys.find_map(|(_, conditions)| contradiction(conditions))
    }

    /// Whether all requests that fulfil `self` are known to fulfil `other`.
    fn imply(&self, other: &Self) -> bool {
        other.0.iter().all(|(key, wanted)| {
            let own = self.0.iter().find(|(own, _)| own == key);
            wanted.iter().all(|(_, wanted)| match own {
                Some((_, own)) => imply(own, *wanted),
                // Without a connection no condition on it holds.
                None => matches!(key, Key::Message(_)) && wanted.are_all(),
            })
        })
    }

    fn pairs(&self) -> impl Iterator<Item = Pair<'a>> {
        self.0.iter().flat_map(|(key, conditions)| {
            let exact = conditions.iter().filter_map(|(_, values)| values.exact());
            exact.map(|text| (*key, Fold(text)))
        })
    }
}

/// The routes that requests may take, as far as they have been gone through.
struct Living<'a> {
    routes: &'a [Conditions<'a>],
    /// How many routes of the table have an exact condition.
    counts: HashMap<Pair<'a>, usize>,
    /// Those that have one, under the rarest.
    by_pair: HashMap<Pair<'a>, Vec<usize>>,
    others: Vec<usize>,
    /// How many pairs of routes may still be compared.
    comparisons: usize,
}

impl<'a> Living<'a> {
    fn new(routes: &'a [Conditions<'a>]) -> Self {
        let mut counts = HashMap::new();
        for pair in routes.iter().flat_map(Conditions::pairs) {
            *counts.entry(pair).or_default() += 1;
        }
        Self {
            routes,
            counts,
            by_pair: HashMap::new(),
            others: Vec::new(),
            comparisons: MAX_COMPARISONS,
        }
    }

    /// The first route that `conditions` imply.
    fn shadow(&mut self, conditions: &Conditions<'a>) -> Option<WhyDead> {
        let of_pairs = conditions
            .pairs()
            .filter_map(|pair| self.by_pair.get(&pair));
        let mut first = None;
        for routes in of_pairs.chain([&self.others]) {
            self.comparisons = self.comparisons.checked_sub(routes.len())?;
            let takes_all = |at: &&usize| {
                let route = self.routes.get(**at);
                route.is_some_and(|route| conditions.imply(route))
            };
            let found = routes.iter().find(takes_all).copied();
            first = first.into_iter().chain(found).min();
        }
        first.map(|by| WhyDead::Shadowed { by })
    }

    fn add(&mut self, index: usize, conditions: &Conditions<'a>) {
        let count = |pair: &Pair<'_>| self.counts.get(pair).copied();
        match conditions.pairs().min_by_key(count) {
            Some(pair) => self.by_pair.entry(pair).or_default().push(index),
            None => self.others.push(index),
        }
    }
}
