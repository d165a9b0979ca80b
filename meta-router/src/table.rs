//! The route table: which route a request takes.

use std::{fmt, sync::Arc};

use meta_core::{
    ConnectionAttribute, ConnectionInfo, Metadata, MetadataMatcher, Request, ResolveRoute,
    ResolvedRoute, Route,
};

use crate::table::index::Index;

mod dead;
mod error;
mod explain;
mod fold;
mod index;
pub(crate) mod random;
mod routes;
#[cfg(test)]
mod tests;

pub use self::{
    dead::{DeadRoute, WhyDead},
    error::{RouteProblem, TableError},
    explain::{AskedCondition, AskedRoute, Explanation},
    routes::Routes,
};

/// A list of routes and their conditions; the first whose conditions hold wins.
///
/// Immutable: [`Routes`] swaps tables whole. Exact conditions are indexed, so that
/// the number of routes looked at does not grow with the number of routes.
pub struct RouteTable {
    name: Arc<str>,
    rows: Vec<Row>,
    index: Index,
}

/// A route and its conditions: what a table is made from.
#[derive(Debug, Default)]
pub struct RouteEntry {
    /// What must hold of a request, all of it; nothing at all makes a catch-all.
    pub matchers: Vec<MetadataMatcher>,
    /// Where such a request goes.
    pub route: Route,
}

/// An entry that has been checked.
#[derive(Debug)]
struct Row {
    matchers: Vec<MetadataMatcher>,
    /// For each matcher the attribute of connections that it is about; nothing at all
    /// where none is.
    of_connection: Box<[Option<ConnectionAttribute>]>,
    route: Arc<Route>,
    /// The sum of the destinations' weights; not 0.
    total_weight: u32,
}

impl RouteEntry {
    /// `route` for the requests of which all `matchers` hold.
    pub fn new(matchers: Vec<MetadataMatcher>, route: Route) -> Self {
        Self { matchers, route }
    }
}

impl RouteTable {
    /// A table of `entries`, tried in this order.
    ///
    /// # Errors
    ///
    /// Names every route that has no destination, whose weights are all 0, or
    /// whose weights add up to more than a `u32` holds.
    pub fn new(
        name: impl Into<Arc<str>>,
        entries: Vec<RouteEntry>,
    ) -> Result<Self, Vec<TableError>> {
        let mut rows = Vec::with_capacity(entries.len());
        let mut errors = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            match Row::new(entry, index) {
                Ok(row) => rows.push(row),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let matchers: Vec<&[MetadataMatcher]> = rows.iter().map(|row| &*row.matchers).collect();
        let index = Index::new(&matchers);
        Ok(Self {
            name: name.into(),
            rows,
            index,
        })
    }

    /// A table without routes: nothing matches.
    pub fn empty(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            rows: Vec::new(),
            index: Index::default(),
        }
    }

    /// Its name, for logs.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The routes and their conditions, in the order in which they are tried.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = (&[MetadataMatcher], &Arc<Route>)> {
        self.rows.iter().map(|row| (&*row.matchers, &row.route))
    }

    /// The number of routes.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first route all of whose conditions hold of `metadata`, and one of its
    /// destinations, chosen in proportion to their weights.
    ///
    /// `random` gives a number out of all of `u64`, each as likely as the other.
    /// It is asked only where the route has more than one destination.
    ///
    /// Conditions on the connection do not hold: see [`RouteTable::find_on`].
    pub fn find(&self, metadata: &Metadata, random: impl FnOnce() -> u64) -> Option<ResolvedRoute> {
        self.first(metadata, |row| row.matches(metadata, None), random)
    }

    /// As [`RouteTable::find`], for a request that came by `connection`.
    pub fn find_on(
        &self,
        connection: &ConnectionInfo,
        metadata: &Metadata,
        random: impl FnOnce() -> u64,
    ) -> Option<ResolvedRoute> {
        self.first(
            metadata,
            |row| row.matches(metadata, Some(connection)),
            random,
        )
    }

    fn first(
        &self,
        metadata: &Metadata,
        matches: impl Fn(&Row) -> bool,
        random: impl FnOnce() -> u64,
    ) -> Option<ResolvedRoute> {
        let row = self.index.find_map(metadata, |at| {
            let row = self.rows.get(at)?;
            matches(row).then_some(row)
        })?;
        ResolvedRoute::new(row.route.clone(), row.destination(random))
    }
}

impl ResolveRoute for RouteTable {
    fn resolve(&self, request: &Request) -> Option<ResolvedRoute> {
        self.find_on(
            request.session().info(),
            request.metadata(),
            random::next_u64,
        )
    }
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteTable")
            .field("name", &self.name)
            .field("routes", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Row {
    fn new(entry: RouteEntry, index: usize) -> Result<Self, TableError> {
        let RouteEntry { matchers, route } = entry;
        let mut weights = route.destinations.iter().map(|to| to.weight);
        let problem = if route.destinations.is_empty() {
            RouteProblem::NoDestination
        } else {
            match weights.try_fold(0u32, u32::checked_add) {
                None => RouteProblem::WeightOverflow,
                Some(0) => RouteProblem::NoWeight,
                Some(total_weight) => {
                    return Ok(Self {
                        of_connection: of_connection(&matchers),
                        matchers,
                        route: Arc::new(route),
                        total_weight,
                    });
                }
            }
        };
        Err(TableError {
            index,
            route: route.name,
            problem,
        })
    }

    fn matches(&self, metadata: &Metadata, connection: Option<&ConnectionInfo>) -> bool {
        let of_message = |m: &MetadataMatcher| m.matches_value(metadata.get(&m.name));
        if self.of_connection.is_empty() {
            return self.matchers.iter().all(of_message);
        }
        let mut pairs = self.matchers.iter().zip(&self.of_connection);
        pairs.all(|(matcher, attribute)| match (attribute, connection) {
            (None, _) => of_message(matcher),
            (Some(attribute), Some(connection)) => {
                matcher.matches_connection(*attribute, connection)
            }
            (Some(_), None) => false,
        })
    }

    fn destination(&self, random: impl FnOnce() -> u64) -> usize {
        let destinations = &self.route.destinations;
        if destinations.len() == 1 {
            return 0;
        }
        // Scales the random number to the sum of the weights, without a division;
        // the bias is below 2^-32.
        let mut point = ((u128::from(random()) * u128::from(self.total_weight)) >> 64) as u32;
        let chosen = destinations.iter().position(|to| {
            let beyond = point.checked_sub(to.weight);
            point = beyond.unwrap_or(point);
            beyond.is_none()
        });
        // The point is below the sum, so that there is one.
        chosen.unwrap_or(0)
    }
}

fn of_connection(matchers: &[MetadataMatcher]) -> Box<[Option<ConnectionAttribute>]> {
    let attributes = matchers
        .iter()
        .map(|m| ConnectionAttribute::of_name(&m.name));
    let attributes: Box<[_]> = attributes.collect();
    match attributes.iter().any(Option::is_some) {
        true => attributes,
        false => Box::default(),
    }
}
