//! Which routes of a table may match, without asking them all.
//!
//! Each route with an exact condition stands in a bucket: under the value of the one
//! attribute that tells it best from other routes. A bucket of more than a few routes
//! is divided once more by another attribute, and so on, so that routes by interface
//! and method are told apart as well as routes by interface alone. Routes that have
//! no exact condition left make a list that is gone through.

use std::{cmp::Reverse, collections::BTreeMap, ptr};

use hashbrown::HashMap;
use meta_core::{ConnectionAttribute, Metadata, MetadataMatcher, Rule};
use smallvec::SmallVec;

use crate::table::fold::{Fold, Folded};

#[cfg(test)]
mod tests;

/// So many routes are asked one after the other rather than divided further.
const FEW_ROUTES: usize = 2;

/// So many attributes are looked up one by one; of more, those that the request has.
const FEW_COLUMNS: usize = 4;

/// How often routes are divided, at most.
const MAX_DEPTH: usize = 8;

/// The routes of a table, or of a bucket.
#[derive(Default)]
pub(super) struct Index {
    /// The positions, ascending, of routes that may match in any case.
    scan: Vec<usize>,
    /// The others.
    columns: Option<Box<Columns>>,
}

struct Columns {
    columns: Vec<Column>,
    /// Which columns have a name, in whatever case, where they are more than a few.
    by_name: HashMap<Folded, Vec<usize>>,
}

/// The routes that are told apart by one attribute.
struct Column {
    name: String,
    /// By value, whatever its case, as some matchers ignore it: the routes of a
    /// bucket may match, no more.
    buckets: HashMap<Folded, Index>,
}

/// An exact condition that can be looked up.
type Pair<'a> = (&'a str, Fold<'a>);

impl Index {
    /// An index of routes with these conditions, in the table's order.
    pub(super) fn new(routes: &[&[MetadataMatcher]]) -> Self {
        Self::divide(routes, (0..routes.len()).collect(), &mut Vec::new())
    }

    /// An index of the routes at `positions`, which agree in the attributes `used`.
    fn divide<'a>(
        routes: &[&'a [MetadataMatcher]],
        positions: Vec<usize>,
        used: &mut Vec<&'a str>,
    ) -> Self {
        if positions.len() <= FEW_ROUTES || used.len() == MAX_DEPTH {
            return Self {
                scan: positions,
                columns: None,
            };
        }
        let pairs = |position: usize| {
            let matchers = routes[position].iter();
            matchers
                .filter_map(pair)
                .filter(|(name, _)| !used.contains(name))
        };
        let mut by_pair = HashMap::<Pair<'a>, usize>::new();
        let mut by_name = HashMap::<&str, usize>::new();
        // Where none has two, as in many a long table, there is nothing to choose.
        if positions.iter().any(|at| pairs(*at).nth(1).is_some()) {
            for (name, value) in positions.iter().flat_map(|at| pairs(*at)) {
                *by_pair.entry((name, value)).or_default() += 1;
                *by_name.entry(name).or_default() += 1;
            }
        }
        // Among conditions that leave but few routes the one with the most common
        // name is best: the fewer names, the fewer attributes to look up.
        let rank = |(name, value): &Pair<'a>| {
            let routes = by_pair.get(&(*name, *value)).copied();
            let routes = routes.unwrap_or_default().max(FEW_ROUTES);
            (routes, Reverse(by_name.get(name).copied()), *name)
        };

        let mut scan = Vec::new();
        let mut divided = BTreeMap::<&'a str, HashMap<Fold<'a>, Vec<usize>>>::new();
        for position in positions {
            match pairs(position).min_by_key(rank) {
                None => scan.push(position),
                Some((name, value)) => {
                    let column = divided.entry(name).or_default();
                    column.entry(value).or_default().push(position);
                }
            }
        }
        let columns = divided
            .into_iter()
            .map(|(name, values)| {
                used.push(name);
                let bucket =
                    |(value, at): (Fold<'a>, _)| (value.into(), Self::divide(routes, at, used));
                let buckets = values.into_iter().map(bucket).collect();
                used.pop();
                Column {
                    name: name.to_owned(),
                    buckets,
                }
            })
            .collect();
        Self {
            scan,
            columns: Columns::new(columns),
        }
    }

    /// The first of the routes that may match, in the table's order, for which
    /// `find` finds something. All others do not match.
    ///
    /// Allocates only where they stand in more than eight lists, or a request has
    /// more than eight attributes that tell routes apart.
    pub(super) fn find_map<T>(
        &self,
        metadata: &Metadata,
        find: impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        if self.columns.is_none() {
            return self.scan.iter().copied().find_map(find);
        }
        let mut candidates = Candidates::default();
        self.collect(metadata, &mut candidates);
        candidates.by_ref().find_map(find)
    }

    fn collect<'a>(&'a self, metadata: &Metadata, candidates: &mut Candidates<'a>) {
        if !self.scan.is_empty() {
            candidates.lists.push(&self.scan);
        }
        if let Some(columns) = &self.columns {
            for column in columns.of(metadata) {
                column.collect(metadata, candidates);
            }
        }
    }
}

impl Columns {
    fn new(columns: Vec<Column>) -> Option<Box<Self>> {
        if columns.is_empty() {
            return None;
        }
        let mut by_name = HashMap::<Folded, Vec<usize>>::new();
        if columns.len() > FEW_COLUMNS {
            for (at, column) in columns.iter().enumerate() {
                let name = Fold(&column.name).into();
                by_name.entry(name).or_default().push(at);
            }
        }
        Some(Box::new(Self { columns, by_name }))
    }

    /// The columns to look into: all if they are few, or those whose attribute the
    /// request has.
    fn of(&self, metadata: &Metadata) -> SmallVec<[&Column; 8]> {
        if self.by_name.is_empty() {
            return self.columns.iter().collect();
        }
        let mut columns = SmallVec::<[&Column; 8]>::new();
        for (name, _) in metadata.attributes.iter() {
            let named = self.by_name.get(&Fold(name)).into_iter().flatten();
            for column in named.filter_map(|at| self.columns.get(*at)) {
                // An attribute may come twice, or in two spellings.
                if !columns.iter().any(|seen| ptr::eq(*seen, column)) {
                    columns.push(column);
                }
            }
        }
        columns
    }
}

impl Column {
    fn collect<'a>(&'a self, metadata: &Metadata, candidates: &mut Candidates<'a>) {
        let value = metadata.get(&self.name);
        if let Some(bucket) = value.and_then(|value| self.buckets.get(&Fold(value))) {
            bucket.collect(metadata, candidates);
        }
    }
}

/// What the matcher asks for, if only one value, whatever its case, can fulfil it.
fn pair(matcher: &MetadataMatcher) -> Option<Pair<'_>> {
    if ConnectionAttribute::of_name(&matcher.name).is_some() {
        // The message does not tell.
        return None;
    }
    match &matcher.rule {
        // Here a missing attribute will do, which no bucket is found by.
        Rule::Exact(value) if value.is_empty() && matcher.missing_as_empty => None,
        Rule::Exact(value) if !matcher.invert => Some((&matcher.name, Fold(value))),
        _ => None,
    }
}

/// The positions of routes that may match, ascending, merged from a few lists; no
/// route is in two of them.
#[derive(Default)]
struct Candidates<'a> {
    lists: SmallVec<[&'a [usize]; 8]>,
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let lists = self.lists.iter_mut().filter(|list| !list.is_empty());
        let list = lists.min_by_key(|list| list.first().copied())?;
        let (first, rest) = list.split_first()?;
        *list = rest;
        Some(*first)
    }
}
