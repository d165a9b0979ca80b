//! Serialized tables of which something is wrong, anything.

use std::sync::LazyLock;

use meta_rds::DecodedRoutes;
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::support::{ECHO, table};

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| table(ECHO).canonical.to_vec());

/// One change of a message's bytes.
#[derive(Clone, Debug)]
enum Harm {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index),
    /// Puts a piece of it in again, elsewhere.
    Repeat(Index, Index, Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, to)| Harm::Set(at, to)),
        (any::<Index>(), vec(any::<u8>(), 1..12)).prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        any::<Index>().prop_map(Harm::Cut),
        any::<(Index, Index, Index)>().prop_map(|(from, to, at)| Harm::Repeat(from, to, at)),
    ]
}

fn apply(harm: &Harm, bytes: &mut Vec<u8>) {
    let place = |at: &Index| at.index(bytes.len() + 1);
    match harm {
        Harm::Set(at, to) => {
            let at = place(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *to;
            }
        }
        Harm::Insert(at, new) => {
            let at = place(at);
            bytes.splice(at..at, new.iter().copied());
        }
        Harm::Cut(at) => bytes.truncate(place(at)),
        Harm::Repeat(from, to, at) => {
            let (from, to, at) = (place(from), place(to), place(at));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

/// What is taken means the same when it is sent again as it is kept.
fn take(bytes: &[u8]) -> bool {
    let Ok(routes) = DecodedRoutes::decode(bytes) else {
        return false;
    };
    let again = DecodedRoutes::decode(&routes.canonical).expect("it was good");
    assert_eq!(again.canonical, routes.canonical);
    let [one, other] = [&routes.table, &again.table].map(|table| {
        let routes = table.routes();
        let routes = routes.map(|(matchers, route)| (matchers.len(), format!("{route:?}")));
        routes.collect::<Vec<_>>()
    });
    assert_eq!(one, other);
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_harmed_table_is_refused_or_taken(harms in vec(harm(), 1..5)) {
        let mut bytes = GOOD.to_vec();
        harms.iter().for_each(|harm| apply(harm, &mut bytes));
        take(&bytes);
    }

    #[test]
    fn so_are_bytes_of_any_kind(bytes in vec(any::<u8>(), 0..200)) {
        take(&bytes);
    }
}

#[test]
fn an_unharmed_one_is_taken() {
    assert!(take(&GOOD));
}
