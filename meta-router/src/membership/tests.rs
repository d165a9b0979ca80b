use std::net::SocketAddr;

use meta_core::Address;

use super::*;
use crate::avoid::Standing;

fn at(port: u16) -> Address {
    SocketAddr::from(([10, 0, 0, 1], port)).into()
}

fn members(membership: &Membership) -> Vec<Arc<Member>> {
    membership.members().to_vec()
}

#[test]
fn what_stays_is_the_same_endpoint() {
    let membership = Membership::new(&[at(1), at(2)]);
    let before = members(&membership);
    before[1].avoid.failed(now());
    assert!(membership.replace(&[at(3), at(2)]));
    let after = members(&membership);
    assert!(Arc::ptr_eq(&before[1], &after[1]));
    assert_eq!(after[1].avoid.standing(now()), Standing::Fails);
    assert_eq!(membership.addresses(), [at(3), at(2)]);
    // What comes back begins anew.
    assert!(membership.replace(&[at(1)]));
    assert!(!Arc::ptr_eq(&before[0], &members(&membership)[0]));
}

#[test]
fn only_changes_count() {
    let membership = Membership::new(&[]);
    let changes = || membership.stats().membership_change.value();
    assert!(membership.is_empty());
    assert_eq!((changes(), membership.version()), (0, 0));
    assert!(membership.replace(&[at(1), at(2)]));
    assert_eq!((changes(), membership.version()), (1, 1));
    assert!(!membership.replace(&[at(1), at(2)]));
    assert_eq!((changes(), membership.version()), (1, 1));
    // Another order is another list, but nobody came or went.
    assert!(!membership.replace(&[at(2), at(1)]));
    assert_eq!((changes(), membership.version()), (1, 2));
    assert!(membership.replace(&[]));
    assert_eq!((changes(), membership.version()), (2, 3));
}

#[test]
fn an_address_listed_twice_is_one_endpoint() {
    let membership = Membership::new(&[at(1), at(1)]);
    let listed = members(&membership);
    assert!(Arc::ptr_eq(&listed[0], &listed[1]));
    assert!(membership.replace(&[at(1), at(2)]));
    assert!(Arc::ptr_eq(&listed[0], &members(&membership)[0]));
}

#[test]
fn a_logical_endpoint_moves() {
    let membership = Membership::new(&[]);
    assert!(membership.lead_to(at(1)));
    let (before, version) = (members(&membership), membership.version());
    before[0].avoid.failed(now());
    assert!(membership.lead_to(at(2)));
    assert!(!membership.lead_to(at(2)));
    assert_eq!(membership.addresses(), [at(2)]);
    assert_eq!(before[0].avoid.standing(now()), Standing::Good);
    assert!(Arc::ptr_eq(&before[0], &members(&membership)[0]));
    assert_eq!(membership.version(), version, "workers need not know");
}
