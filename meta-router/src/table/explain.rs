//! Why a request takes the route it takes.

use std::{borrow::Cow, sync::Arc};

use meta_core::{ConnectionAttribute, ConnectionInfo, Metadata, MetadataMatcher, Route};

use crate::table::{RouteTable, Row};

#[cfg(test)]
mod tests;

/// Which routes a request was held against, and what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation<'a> {
    /// The routes asked, in the table's order, as far as the first that matches.
    pub asked: Vec<AskedRoute<'a>>,
    /// How many stand behind that one, and are not asked.
    pub not_asked: usize,
}

/// A route that a request was held against.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AskedRoute<'a> {
    /// Its place in the table, the first being 0.
    pub index: usize,
    /// The route.
    pub route: &'a Arc<Route>,
    /// All its conditions, also those behind one that does not hold.
    pub conditions: Vec<AskedCondition<'a>>,
}

/// A condition that a request was held against.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AskedCondition<'a> {
    /// The condition.
    pub matcher: &'a MetadataMatcher,
    /// The attribute of the connection that it is about; `None`: of the message.
    pub of_connection: Option<ConnectionAttribute>,
    /// The attribute's value; `None` where it is missing.
    pub found: Option<Cow<'a, str>>,
    /// Whether it holds.
    pub holds: bool,
}

impl<'a> Explanation<'a> {
    /// The route that matches; `None` where there is none.
    pub fn matched(&self) -> Option<&AskedRoute<'a>> {
        self.asked.last().filter(|asked| asked.matches())
    }
}

impl AskedRoute<'_> {
    /// Whether all its conditions hold.
    pub fn matches(&self) -> bool {
        self.conditions.iter().all(|condition| condition.holds)
    }
}

impl RouteTable {
    /// Why [`RouteTable::find_on`] finds what it finds, for a message of `metadata`
    /// that came by `connection`.
    ///
    /// All routes as far as that one are asked, without the index: for people, not
    /// for requests.
    ///
    /// ```
    /// use meta_core::{ConnectionInfo, Metadata, MetadataMatcher, Route, Rule};
    /// use meta_router::{RouteEntry, RouteTable};
    ///
    /// let hello = MetadataMatcher::new("method", Rule::Exact("hello".into()));
    /// let table = RouteTable::new("greeter", vec![
    ///     RouteEntry::new(vec![hello], Route::to_cluster("hello", "v2")),
    ///     RouteEntry::new(vec![], Route::to_cluster("rest", "v1")),
    /// ]).expect("both routes have a destination");
    ///
    /// let mut call = Metadata::default();
    /// call.attributes.insert("method", "bye");
    /// let connection = ConnectionInfo::default();
    /// let explanation = table.explain(&connection, &call);
    /// let condition = &explanation.asked[0].conditions[0];
    /// assert_eq!(condition.found.as_deref(), Some("bye"));
    /// assert!(!condition.holds);
    /// assert_eq!(explanation.matched().map(|asked| asked.index), Some(1));
    /// ```
    pub fn explain<'a>(
        &'a self,
        connection: &'a ConnectionInfo,
        metadata: &'a Metadata,
    ) -> Explanation<'a> {
        self.explain_with(metadata, |attribute| attribute.value(connection))
    }

    /// As [`RouteTable::explain`], for a connection of which `connection` tells the
    /// attributes: one that need not exist.
    pub fn explain_with<'a>(
        &'a self,
        metadata: &'a Metadata,
        connection: impl Fn(ConnectionAttribute) -> Option<Cow<'a, str>>,
    ) -> Explanation<'a> {
        let mut asked = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let route = row.ask(index, metadata, &connection);
            let matches = route.matches();
            asked.push(route);
            if matches {
                break;
            }
        }
        let not_asked = self.rows.len().saturating_sub(asked.len());
        Explanation { asked, not_asked }
    }
}

impl Row {
    fn ask<'a>(
        &'a self,
        index: usize,
        metadata: &'a Metadata,
        connection: &impl Fn(ConnectionAttribute) -> Option<Cow<'a, str>>,
    ) -> AskedRoute<'a> {
        let conditions = self.matchers.iter().enumerate().map(|(at, matcher)| {
            let of_connection = self.of_connection.get(at).copied().flatten();
            let found = match of_connection {
                Some(attribute) => connection(attribute),
                None => metadata.get(&matcher.name).map(Cow::Borrowed),
            };
            AskedCondition {
                matcher,
                of_connection,
                holds: matcher.matches_value(found.as_deref()),
                found,
            }
        });
        AskedRoute {
            index,
            route: &self.route,
            conditions: conditions.collect(),
        }
    }
}
