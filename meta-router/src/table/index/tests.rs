use meta_core::{Metadata, MetadataMatcher, Rule};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::table::{
    RouteTable,
    index::{FEW_COLUMNS, FEW_ROUTES},
    tests::{exact, found, metadata, table},
};

const MANY: usize = 10_000;

/// How a table of `MANY` routes is made, one route or request at a time.
struct Shape {
    name: &'static str,
    matchers: fn(usize) -> Vec<MetadataMatcher>,
    attributes: fn(usize) -> Vec<(String, String)>,
}

fn attribute(name: &str, number: usize) -> (String, String) {
    (name.to_owned(), format!("{name}-{number}"))
}

fn matcher(name: &str, number: usize) -> MetadataMatcher {
    let (name, value) = attribute(name, number);
    exact(&name, value)
}

const SHAPES: [Shape; 8] = [
    Shape {
        name: "an interface each",
        matchers: |n| vec![matcher("interface", n)],
        attributes: |n| vec![attribute("interface", n)],
    },
    Shape {
        name: "whatever the case of the value",
        matchers: |n| {
            vec![MetadataMatcher {
                ignore_case: true,
                ..matcher("interface", n)
            }]
        },
        attributes: |n| vec![("Interface".into(), format!("INTERFACE-{n}"))],
    },
    Shape {
        name: "one application, one version",
        matchers: |n| {
            vec![
                matcher("application", 1),
                matcher("version", 1),
                matcher("interface", n),
            ]
        },
        attributes: |n| {
            vec![
                attribute("application", 1),
                attribute("interface", n),
                attribute("version", 1),
            ]
        },
    },
    Shape {
        name: "a hundred interfaces of the same hundred methods",
        matchers: |n| vec![matcher("interface", n / 100), matcher("method", n % 100)],
        attributes: |n| {
            vec![
                attribute("method", n % 100),
                attribute("interface", n / 100),
            ]
        },
    },
    Shape {
        name: "ten values of four attributes",
        matchers: |n| {
            vec![
                matcher("a", n / 1000),
                matcher("b", n / 100 % 10),
                matcher("c", n / 10 % 10),
                matcher("d", n % 10),
            ]
        },
        attributes: |n| {
            vec![
                attribute("a", n / 1000),
                attribute("b", n / 100 % 10),
                attribute("c", n / 10 % 10),
                attribute("d", n % 10),
            ]
        },
    },
    Shape {
        name: "an attribute each",
        matchers: |n| vec![exact(&format!("key-{n}"), "1")],
        attributes: |n| {
            vec![
                (format!("KEY-{n}"), "1".into()),
                ("other".into(), "1".into()),
            ]
        },
    },
    Shape {
        name: "pairs of routes that another attribute tells apart",
        matchers: |n| vec![matcher("interface", n / 2), exact(&format!("key-{n}"), "1")],
        attributes: |n| {
            vec![
                attribute("interface", n / 2),
                (format!("key-{n}"), "1".into()),
            ]
        },
    },
    Shape {
        name: "as many conditions that are not exact",
        matchers: |n| {
            vec![
                MetadataMatcher::new("method", Rule::Prefix("get".into())),
                matcher("interface", n),
            ]
        },
        attributes: |n| {
            vec![
                ("method".into(), "getAll".into()),
                attribute("interface", n),
            ]
        },
    },
];

impl Shape {
    fn table(&self, routes: usize) -> RouteTable {
        table((0..routes).map(self.matchers))
    }

    fn call(&self, number: usize) -> Metadata {
        metadata((self.attributes)(number))
    }
}

/// The attributes that are looked up first.
fn columns<'a>(table: &'a RouteTable, call: &Metadata) -> Vec<&'a str> {
    let columns = table.index.columns.iter().flat_map(|it| it.of(call));
    columns.map(|column| &*column.name).collect()
}

/// The positions of the routes that may match.
fn candidates(table: &RouteTable, call: &Metadata) -> Vec<usize> {
    let mut all = Vec::new();
    table.index.find_map(call, |at| {
        all.push(at);
        None::<()>
    });
    all
}

#[test]
fn ten_thousand_routes_cost_what_ten_cost() {
    for shape in SHAPES {
        let (few, many) = (shape.table(10), shape.table(MANY));
        for number in (0..MANY).step_by(97).chain([0, 9, MANY - 1]) {
            let call = shape.call(number);
            assert_eq!(found(&many, &call), Some(number), "{}", shape.name);
            assert!(columns(&many, &call).len() <= FEW_COLUMNS, "{}", shape.name);
            let candidates = candidates(&many, &call).len();
            assert!(candidates <= FEW_ROUTES, "{}: {candidates}", shape.name);
            if number < 10 {
                assert_eq!(found(&few, &call), Some(number), "{}", shape.name);
            }
        }
        let strange = shape.call(MANY * 1000);
        assert_eq!(found(&many, &strange), None, "{}", shape.name);
    }
}

#[test]
fn the_attribute_that_tells_most_routes_apart_is_looked_up() {
    let interface = SHAPES.iter().filter(|shape| {
        let matchers = (shape.matchers)(0);
        matchers.iter().any(|m| m.name == "interface")
    });
    for shape in interface {
        let names = columns(&shape.table(MANY), &shape.call(1))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        assert_eq!(names, ["interface"], "{}", shape.name);
    }
}

#[test]
fn routes_without_an_exact_match_are_added_to_the_candidates_alone() {
    let prefix = |n: usize| vec![MetadataMatcher::new("x", Rule::Prefix(n.to_string()))];
    let routes = (0..MANY).map(|n| match n % 1000 {
        0 => prefix(n),
        _ => vec![matcher("interface", n)],
    });
    let table = table(routes.chain([vec![]]));
    let call = metadata([attribute("interface", 4711)]);
    assert_eq!(found(&table, &call), Some(4711));
    let candidates = candidates(&table, &call);
    assert_eq!(
        candidates,
        [
            0, 1000, 2000, 3000, 4000, 4711, 5000, 6000, 7000, 8000, 9000, MANY
        ]
    );
}

#[test]
fn routes_of_the_same_exact_matches_are_tried_in_order() {
    let routes = (0..100).map(|n| {
        let same = vec![matcher("interface", 1), matcher("method", 1)];
        let range = MetadataMatcher::new("shard", Rule::Range(n..n + 2));
        same.into_iter().chain([range]).collect()
    });
    let table = table(routes);
    let call = |shard: &str| {
        let shard = ("shard".to_owned(), shard.to_owned());
        metadata([attribute("interface", 1), attribute("method", 1), shard])
    };
    assert_eq!(found(&table, &call("0")), Some(0));
    assert_eq!(found(&table, &call("50")), Some(49));
    assert_eq!(found(&table, &call("101")), None);
}

#[test]
fn routes_of_very_many_matchers_end_in_a_scan() {
    let matchers = |n| {
        (0..2000)
            .map(|at| matcher(&at.to_string(), 1))
            .chain([matcher("n", n)])
    };
    let table = table((0..10).map(|n| matchers(n / 6).collect()));
    let mut attributes: Vec<_> = (0..2000).map(|at| attribute(&at.to_string(), 1)).collect();
    attributes.push(attribute("n", 1));
    assert_eq!(found(&table, &metadata(attributes)), Some(6));
}

const NAMES: [&str; 9] = ["a", "A", "b", "B", "c", "d", "e", "f", "g"];
const VALUES: [&str; 7] = ["", "x", "X", "xy", "Yx", "1", "-7"];

fn matchers() -> impl Strategy<Value = MetadataMatcher> {
    let value = || select(&VALUES[..]).prop_map(str::to_owned);
    let rule = prop_oneof![
        8 => value().prop_map(Rule::Exact),
        1 => value().prop_map(Rule::Prefix),
        1 => value().prop_map(Rule::Suffix),
        1 => value().prop_map(Rule::Contains),
        1 => select(&["x.*", "[0-9]+", ""][..])
            .prop_map(|text| Rule::regex(text).expect("is a regex")),
        1 => (-8i64..2, -8i64..2).prop_map(|(from, to)| Rule::Range(from..to)),
        1 => any::<bool>().prop_map(Rule::Present),
    ];
    let flag = || prop::bool::weighted(0.1);
    let parts = (select(&NAMES[..]), rule, flag(), flag(), flag());
    parts.prop_map(
        |(name, rule, invert, ignore_case, missing_as_empty)| MetadataMatcher {
            invert,
            ignore_case,
            missing_as_empty,
            ..MetadataMatcher::new(name, rule)
        },
    )
}

proptest! {
    #[test]
    fn the_index_finds_what_a_scan_finds(
        routes in vec(vec(matchers(), 1..5), 0..120),
        catch_all in any::<bool>(),
        calls in vec(vec((select(&NAMES[..]), select(&VALUES[..])), 0..10), 1..10),
    ) {
        let table = table(routes.into_iter().chain(catch_all.then(Vec::new)));
        for attributes in calls {
            let call = metadata(attributes);
            let scanned = table
                .routes()
                .position(|(matchers, _)| matchers.iter().all(|m| m.matches(&call)));
            prop_assert_eq!(found(&table, &call), scanned);
            let candidates = candidates(&table, &call);
            prop_assert!(candidates.is_sorted_by(|a, b| a < b), "{:?}", candidates);
        }
    }
}
