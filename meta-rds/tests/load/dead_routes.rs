//! Routes that no request takes are warned of, with their places.

use meta_rds::Severity;

use crate::support::{good, notes, thrift_with};

/// The warnings of a listener with these routes behind its first.
fn warnings(routes: &str) -> Vec<String> {
    let text = thrift_with(
        "  clusters:\n    name",
        &format!("{routes}  clusters:\n    name"),
    );
    let warnings = notes(&good(&text), Severity::Warning);
    let begin = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
                 route_config.routes";
    let own = warnings.into_iter().filter(|line| line.contains(begin));
    let own = own.filter(|line| !line.contains("deprecated"));
    own.map(|line| line.replace(begin, "ROUTES")).collect()
}

/// A route to the cluster that is there.
fn route(conditions: &str) -> String {
    format!(
        "            - match: {{ metadata: [ {conditions} ] }}\n              \
         route: {{ cluster: 'outbound|9090||orders.shop' }}\n"
    )
}

#[test]
fn one_that_stands_behind_another() {
    let routes = route("{ name: method, string_match: { exact: place } }, { name: user }")
        + &route("{ name: method, string_match: { prefix: p } }")
        + &route("{ name: method, string_match: { exact: pay } }")
        + &route("")
        + &route("{ name: user }");
    let taken = |route: usize, line: usize, by: usize| {
        format!(
            "test:{line}: ROUTES[{route}]: no request takes it: ROUTES[{by}] takes all that it \
             matches"
        )
    };
    assert_eq!(
        warnings(&routes),
        [taken(1, 36, 0), taken(3, 40, 2), taken(5, 44, 4)]
    );
}

#[test]
fn one_that_contradicts_itself() {
    let routes = route(
        "{ name: user }, { name: method, string_match: { exact: a } }, { name: method, \
         string_match: { prefix: b } }",
    ) + &route("{ name: shard, range_match: { start: 3, end: 3 } }")
        + &route(
            "{ name: user, string_match: { exact: '' }, treat_missing_header_as_empty: true }, \
             { name: user, present_match: false }, { name: user, present_match: true }",
        );
    assert_eq!(
        warnings(&routes),
        [
            "test:36: ROUTES[1].match.metadata[2]: no request fulfils it together with \
             ROUTES[1].match.metadata[1]",
            "test:38: ROUTES[2].match.metadata[0]: no request fulfils it",
            "test:40: ROUTES[3].match.metadata[2]: no request fulfils it together with \
             ROUTES[3].match.metadata[1]",
        ]
    );
}

#[test]
fn nothing_is_said_of_those_that_live() {
    let routes = route("{ name: method, string_match: { exact: pay } }, { name: user }")
        + &route("{ name: method, string_match: { exact: pay } }")
        + &route("{ name: Method, string_match: { exact: place } }")
        + &route("");
    assert_eq!(warnings(&routes), [""; 0]);
}
