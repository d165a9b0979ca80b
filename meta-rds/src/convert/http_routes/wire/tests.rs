use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, Route, RouteMatch, header_matcher::HeaderMatchSpecifier,
};
use prost::encoding::{encode_key, encode_varint};

use super::*;

fn table(routes: &[&[&str]]) -> RouteConfiguration {
    let header = |name: &&str| HeaderMatcher {
        name: (*name).to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..HeaderMatcher::default()
    };
    let route = |names: &&[&str]| Route {
        name: "r".to_owned(),
        r#match: Some(RouteMatch {
            headers: names.iter().map(header).collect(),
            ..RouteMatch::default()
        }),
        ..Route::default()
    };
    RouteConfiguration {
        name: "table".to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: "host".to_owned(),
            domains: vec!["*".to_owned()],
            routes: routes.iter().map(route).collect(),
            include_request_attempt_count: true,
            ..VirtualHost::default()
        }],
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    }
}

fn sorted(raw: &RouteConfiguration) -> RouteConfiguration {
    let bytes = canonical(&raw.encode_to_vec()).expect("it can be taken apart");
    RouteConfiguration::decode(&*bytes).expect("it is a table still")
}

#[test]
fn the_parts_make_up_the_whole() {
    let whole = table(&[&["a", "b"], &[], &["c"]]);
    let bytes = whole.encode_to_vec();
    let raw = RawTable::new(&bytes).expect("it can be taken apart");
    let mut again = raw.table;
    for RawHost { mut host, routes } in raw.hosts {
        let routes = routes.into_iter().map(Route::decode);
        host.routes = routes.collect::<Result<_, _>>().expect("they are routes");
        again.virtual_hosts.push(host);
    }
    assert_eq!(again, whole);
}

#[test]
fn conditions_are_sorted_and_nothing_else() {
    let raw = table(&[&["b", "a"], &[], &["d", "c", "e"], &["x"]]);
    let expected = table(&[&["a", "b"], &[], &["c", "d", "e"], &["x"]]);
    assert_eq!(sorted(&raw), expected);
    assert_eq!(sorted(&expected), expected);
    let [one, two] = [&raw, &expected].map(|raw| canonical(&raw.encode_to_vec()).unwrap());
    assert_eq!(one, two);
    // The order of routes means something.
    assert_ne!(
        sorted(&table(&[&["a"], &["b"]])),
        sorted(&table(&[&["b"], &["a"]]))
    );
}

#[test]
fn fields_that_are_unknown_or_clumsily_written_stay() {
    let whole = table(&[&["b", "a"]]);
    let mut bytes = Vec::new();
    encode_key(2, WireType::LengthDelimited, &mut bytes);
    let host = whole.virtual_hosts[0].encode_to_vec();
    // A length with a byte too many.
    bytes.extend([host.len() as u8 | 0x80, 0x80, 0]);
    assert!(host.len() < 0x80);
    bytes.extend(host);
    encode_key(1, WireType::LengthDelimited, &mut bytes);
    encode_varint(5, &mut bytes);
    bytes.extend(b"table");
    encode_key(9999, WireType::StartGroup, &mut bytes);
    encode_key(1, WireType::Varint, &mut bytes);
    encode_varint(7, &mut bytes);
    encode_key(9999, WireType::EndGroup, &mut bytes);
    let sorted = canonical(&bytes).expect("it can be taken apart");
    assert_eq!(sorted.len(), bytes.len());
    let decoded = RouteConfiguration::decode(&*sorted).expect("it is a table still");
    assert_eq!(decoded.virtual_hosts, table(&[&["a", "b"]]).virtual_hosts);
    assert_eq!(decoded.name, "table");
}

#[test]
fn what_is_cut_short_is_refused() {
    let bytes = table(&[&["a", "b"]]).encode_to_vec();
    for len in 1..bytes.len() {
        let cut = &bytes[..len];
        let parts = RawTable::new(cut);
        let routes = parts.and_then(|raw| {
            let routes = raw.hosts.into_iter().flat_map(|host| host.routes);
            routes.map(Route::decode).collect::<Result<Vec<_>, _>>()
        });
        // As without taking apart: where a field ends, a message may.
        assert_eq!(
            routes.is_ok(),
            RouteConfiguration::decode(cut).is_ok(),
            "{len}"
        );
    }
    // A virtual host that is a number.
    assert!(RawTable::new(&[0x10, 1]).is_err());
}
