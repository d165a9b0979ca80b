//! What the tests share.

use meta_core::{MessageKind, Metadata, WireId};
use meta_rds::{DecodedRoutes, LoadError, RouteFile, Source};
use meta_router::RouteTable;

pub(crate) const ECHO: &str = include_str!("../data/echo_routes.yaml");

pub(crate) fn read(text: &str) -> Result<RouteFile, LoadError> {
    RouteFile::read(&Source::new("test", text))
}

/// The one table of a text.
pub(crate) fn table(text: &str) -> DecodedRoutes {
    let file = read(text).unwrap_or_else(|error| panic!("{error}"));
    let [routes] = &file.routes[..] else {
        panic!("one table: {:?}", file.routes);
    };
    routes.clone()
}

/// What is wrong with a text.
pub(crate) fn errors(text: &str) -> Vec<String> {
    let error = read(text).expect_err("something is wrong");
    error.problems.iter().map(ToString::to_string).collect()
}

/// A table in Envoy's form with one route, of these fields.
pub(crate) fn with_route(fields: &str) -> String {
    format!(
        "{{ name: t, virtual_hosts: [ {{ name: d, domains: ['*'], routes: [ {{ {fields} }} ] }} ] }}"
    )
}

/// Where a request with these attributes goes.
pub(crate) fn route(table: &RouteTable, attributes: &[(&str, &str)]) -> Option<(String, String)> {
    let mut metadata = Metadata::new(MessageKind::Request, WireId(1));
    for &(key, value) in attributes {
        let (key, value) = (key.to_owned(), value.to_owned());
        metadata.attributes.insert(key, value);
    }
    let found = table.find(&metadata, || 0)?;
    Some((found.route().name.to_string(), found.cluster().to_string()))
}
