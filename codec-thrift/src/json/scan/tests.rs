use proptest::prelude::*;
use serde_json::{Deserializer, Value};

use super::*;

const DEPTH: usize = 64;

/// Any value, with strings that look like anything but strings.
fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[\\[\\]{}\",:\\\\/a-c0-9 \n\t\u{1}]{0,12}",
        "[\\[\\]{}\\\\\"]{0,80}",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, move |inner| {
        let objects = prop::collection::vec((text.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            objects.prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A message with this body, with whitespace or without.
fn message(name: &str, id: i32, body: &Value, pretty: bool) -> Vec<u8> {
    let message = serde_json::json!([1, name, 1, id, body]);
    match pretty {
        true => serde_json::to_vec_pretty(&message),
        false => serde_json::to_vec(&message),
    }
    .expect("it can be written")
}

fn scan(bytes: &[u8]) -> Result<usize, String> {
    in_pieces(bytes, &[bytes.len().max(1)])
}

/// Scans `bytes` in pieces up to the end of the message, or says why not.
fn in_pieces(bytes: &[u8], sizes: &[usize]) -> Result<usize, String> {
    let mut scanner = Scanner::default();
    let (mut have, mut head) = (0, false);
    for size in sizes.iter().cycle() {
        have = (have + size).min(bytes.len());
        loop {
            match scanner.scan(&bytes[..have], DEPTH) {
                Ok(Scanned::Head) if head => return Err("two headers".into()),
                Ok(Scanned::Head) => head = true,
                Ok(Scanned::End(_)) if !head => return Err("no header".into()),
                Ok(Scanned::End(end)) => return Ok(end),
                Ok(Scanned::Need(need)) if need <= have => return Err("a stall".into()),
                Ok(Scanned::Need(need)) if have == bytes.len() => {
                    return Err(format!("needs {need}"));
                }
                Ok(Scanned::Need(_)) => break,
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Err("no sizes".into())
}

proptest! {
    #[test]
    fn the_end_is_found_in_any_pieces(
        (name, id, body, pretty) in (any::<String>(), any::<i32>(), values(), any::<bool>()),
        behind in prop::sample::select(vec![&b""[..], b"]]}\"", b" \n[1,", b"\\\xff"]),
        sizes in prop::collection::vec(1usize..40, 1..20),
    ) {
        let message = message(&name, id, &body, pretty);
        let all = [&message, behind].concat();
        prop_assert_eq!(scan(&all), Ok(message.len()));
        prop_assert_eq!(in_pieces(&all, &sizes), Ok(message.len()));
        prop_assert_eq!(in_pieces(&all, &[1]), Ok(message.len()));
    }

    #[test]
    fn the_end_is_found_at_every_split(name in any::<String>(), body in values()) {
        let message = message(&name, 7, &body, false);
        for at in 1..message.len() {
            let mut scanner = Scanner::default();
            let mut scanned = scanner.scan(&message[..at], DEPTH);
            if matches!(scanned, Ok(Scanned::Head)) {
                scanned = scanner.scan(&message[..at], DEPTH);
            }
            match scanned {
                Ok(Scanned::Need(need)) => {
                    prop_assert!(need > at && need <= message.len(), "{need} at {at}");
                }
                other => prop_assert!(false, "{other:?} at {at}"),
            }
            scanned = scanner.scan(&message, DEPTH);
            if matches!(scanned, Ok(Scanned::Head)) {
                scanned = scanner.scan(&message, DEPTH);
            }
            prop_assert_eq!(scanned.ok(), Some(Scanned::End(message.len())));
        }
    }

    /// What reads as JSON ends where it does for a reader of JSON; and what ends
    /// for neither of them differs in nothing but what a reader checks besides.
    #[test]
    fn a_reader_of_json_finds_the_same_end(
        bytes in "[\\[\\]{}\",:\\\\ua0-9 \n]{0,40}",
        (keep, splice) in (0usize..30, any::<prop::sample::Index>()),
    ) {
        let good = br#"[1,"a\"b",1,-5,{"1":{"lst":["str",2,"[","]\\"]}}] "#;
        let mut forged = good.to_vec();
        let at = splice.index(good.len());
        forged.splice(at..at, bytes.bytes().take(keep));
        for bytes in [bytes.as_bytes(), &forged[..]] {
            let mut reader = Deserializer::from_slice(bytes).into_iter::<Value>();
            match (reader.next(), scan(bytes)) {
                (Some(Ok(Value::Array(elements))), found) if elements.len() > 4 => {
                    prop_assert_eq!(found, Ok(reader.byte_offset()));
                }
                (Some(Ok(_)), found) => {
                    prop_assert!(found.is_err(), "{found:?}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn any_bytes_are_read_alike_in_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        sizes in prop::collection::vec(1usize..9, 1..9),
    ) {
        let bytes = [br#"[1,"a",1,0,"#, &bytes[..]].concat();
        let (whole, pieces) = (scan(&bytes), in_pieces(&bytes, &sizes));
        prop_assert!(whole == pieces || whole.is_err() && pieces.is_err());
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    let fits = brackets(DEPTH) - 1;
    let nested = |depth: usize| {
        let body = [b"[".repeat(depth), b"]".repeat(depth)].concat();
        [br#"[1,"a",1,0,"#, &body[..], b"]"].concat()
    };
    assert_eq!(scan(&nested(fits)), Ok(nested(fits).len()));
    let error = scan(&nested(fits + 1)).expect_err("too deep");
    assert!(error.contains("deeper than 133"), "{error}");
}

#[test]
fn values_as_deep_as_may_be_fit() {
    // A map in a field is what opens most, a list of scalars may be innermost.
    let mut body = r#"{"1":{"map":["str","lst",1,{"a":["i32",1,5]}]}}"#.to_owned();
    for _ in 1..DEPTH / 2 {
        body = format!(r#"{{"1":{{"map":["str","rec",1,{{"a":{body}}}]}}}}"#);
    }
    let message = format!(r#"[1,"a",1,0,{{"1":{{"rec":{body}}}}}]"#);
    assert_eq!(scan(message.as_bytes()), Ok(message.len()));
}

#[test]
fn what_is_not_json_is_refused() {
    for (what, bytes) in [
        ("no bracket", &b"1,2"[..]),
        ("an object", br#"{"a":1}"#),
        ("an ended list", br#"[1,"a",1]"#),
        ("an object that ends as a list", br#"[1,"a",1,0,{]]"#),
        ("a list that ends as an object", br#"[1,"a",1,0,[}]"#),
        ("a byte of no token", b"[1,\"a\",1,0,{\x00}]"),
        ("a byte beyond ASCII", b"[1,\"a\",1,0,{\xc3}]"),
    ] {
        let error = scan(bytes).expect_err(what);
        assert!(!error.starts_with("needs"), "{what}: {error}");
    }
}
