use meta_core::Rule;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::table::{
    dead::tests::{NAMES, TEXTS, matchers},
    tests::{exact, metadata, table},
};

#[test]
fn all_conditions_as_far_as_the_route_that_matches() {
    let table = table([
        vec![exact("method", "hello"), exact("user", "x")],
        vec![
            exact("Connection.Mtls", "true"),
            MetadataMatcher::new("method", Rule::Present(true)),
        ],
        vec![exact("method", "bye")],
        vec![],
        vec![],
    ]);
    let call = metadata([("method", "bye"), ("connection.mtls", "true")]);
    let connection = ConnectionInfo::default();
    let explanation = table.explain(&connection, &call);
    let asked = explanation.asked.iter().map(|asked| {
        let conditions = asked.conditions.iter();
        let conditions = conditions.map(|it| (it.found.as_deref(), it.holds));
        (asked.index, conditions.collect::<Vec<_>>(), asked.matches())
    });
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [
            (0, vec![(Some("bye"), false), (None, false)], false),
            // A message does not tell of its connection.
            (1, vec![(Some("false"), false), (Some("bye"), true)], false),
            (2, vec![(Some("bye"), true)], true),
        ]
    );
    assert_eq!(explanation.not_asked, 2);
    let mtls = &explanation.asked[1].conditions[0];
    assert_eq!(mtls.of_connection, Some(ConnectionAttribute::Mtls));

    let secured = table.explain_with(&call, |attribute| {
        (attribute == ConnectionAttribute::Mtls).then_some("true".into())
    });
    assert_eq!(secured.matched().map(|asked| asked.index), Some(1));
    let empty = RouteTable::empty("empty");
    assert!(empty.explain(&connection, &call).matched().is_none());
}

proptest! {
    #[test]
    fn it_agrees_with_what_requests_find(
        routes in vec(vec(matchers(), 0..4), 0..60),
        calls in vec(vec((select(&NAMES[..]), select(&TEXTS[..])), 0..6), 1..20),
        port in select(&[1u16, 12, 7000][..]),
    ) {
        let table = table(routes);
        let connection = ConnectionInfo {
            remote: meta_core::Address::Ip(([127, 0, 0, 1], port).into()),
            ..ConnectionInfo::default()
        };
        for call in calls.into_iter().map(metadata) {
            let found = table.find_on(&connection, &call, || 0);
            let explanation = table.explain(&connection, &call);
            let matched = explanation.matched().map(|asked| asked.route);
            prop_assert_eq!(
                found.as_ref().map(|found| &found.route().name),
                matched.map(|route| &route.name)
            );
            let asked = explanation.asked.len();
            prop_assert_eq!(asked + explanation.not_asked, table.len());
            let before = explanation.asked.iter().take(asked.saturating_sub(1));
            prop_assert!(before.into_iter().all(|asked| !asked.matches()));
        }
    }
}
