//! Known calls: what was read of calls that come again and again.
//!
//! A client's calls of one method differ in their arguments, but seldom in what
//! stands before and behind them. Where both are byte for byte those of an
//! earlier call, so is all that is read of them.

use std::{cell::RefCell, hash::BuildHasher};

use foldhash::fast::RandomState;
use meta_core::{Limits, Metadata};

use crate::{
    head::{HEAD_BYTES, Slot},
    invocation::{Called, Names},
};

/// Calls that each thread knows; a power of two.
const SLOTS: usize = 64;

/// The longest header area that is known.
const MAX_BYTES: usize = 1024;

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table::default());
}

/// A call that may come again.
#[derive(Debug)]
struct Known {
    /// Names and attachments.
    bytes: Box<[u8]>,
    names_bytes: usize,
    serialization: u8,
    /// What is read of it, its attributes shared.
    called: Called,
}

/// Names that may come again.
#[derive(Debug)]
struct KnownNames {
    bytes: Box<[u8]>,
    serialization: u8,
    names: Names,
}

#[derive(Debug, Default)]
struct Table {
    hasher: RandomState,
    names: Vec<Option<Box<KnownNames>>>,
    calls: Vec<Option<Box<Known>>>,
    /// Hashes of names and calls that came last.
    seen: Vec<u64>,
}

/// The names of a call, by their hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front(u64);

fn slot(hash: u64) -> usize {
    hash as usize % SLOTS
}

impl Table {
    fn fill(&mut self) {
        if self.calls.is_empty() {
            self.names.resize_with(SLOTS, || None);
            self.calls.resize_with(SLOTS, || None);
            self.seen.resize(SLOTS, 0);
        }
    }

    fn hash(&self, front: Front, attachments: &[u8]) -> u64 {
        front.0 ^ self.hasher.hash_one(attachments)
    }

    /// Whether something of this hash has come before, not long ago.
    fn comes_again(&mut self, hash: u64) -> bool {
        let seen = self.seen.get_mut(slot(hash));
        seen.is_some_and(|seen| std::mem::replace(seen, hash) == hash)
    }
}

/// The hash of the names of a call, if these are names that may be remembered,
/// and what is known of them.
pub(crate) fn names(serialization: u8, names: &[u8]) -> (Option<Front>, Option<Names>) {
    if names.len() > MAX_BYTES {
        return (None, None);
    }
    TABLE.with_borrow_mut(|table| {
        table.fill();
        let hash = table.hasher.hash_one(names);
        let known = table.names.get(slot(hash)).and_then(Option::as_deref);
        let known = known
            .filter(|known| *known.bytes == *names && known.serialization == serialization)
            .map(|known| known.names);
        (Some(Front(hash)), known)
    })
}

/// Remembers the names of a call when they come for the second time.
pub(crate) fn remember_names(front: Front, serialization: u8, bytes: &[u8], names: Names) {
    TABLE.with_borrow_mut(|table| {
        // The names may end elsewhere than they seemed to.
        if table.hasher.hash_one(bytes) != front.0 {
            return;
        }
        let is_known =
            |known: &KnownNames| known.serialization == serialization && *known.bytes == *bytes;
        let known = table.names.get(slot(front.0)).and_then(Option::as_deref);
        if known.is_some_and(is_known) || !table.comes_again(front.0) {
            return;
        }
        if let Some(slot) = table.names.get_mut(slot(front.0)) {
            *slot = Some(Box::new(KnownNames {
                bytes: bytes.into(),
                serialization,
                names,
            }));
        }
    });
}

/// Where a known call stands in the table, until the next one is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found(usize);

/// Finds the call whose names and attachments these are; not where limits are in
/// its way.
pub(crate) fn find(
    front: Front,
    serialization: u8,
    names: &[u8],
    attachments: &[u8],
    limits: &Limits,
) -> Option<Found> {
    TABLE.with_borrow(|table| {
        let found = slot(table.hash(front, attachments));
        let known = table.calls.get(found)?.as_deref()?;
        let is_it = known.bytes.len() <= limits.header_bytes
            && known.called.attachments <= limits.attributes
            && known.serialization == serialization
            && known.bytes.split_at_checked(known.names_bytes) == Some((names, attachments));
        is_it.then_some(Found(found))
    })
}

/// Fills in what is known of a call, all but what depends on where it stands.
pub(crate) fn fill(found: Found, slot: &mut Slot, metadata: &mut Metadata) {
    TABLE.with_borrow(|table| {
        let Some(Some(known)) = table.calls.get(found.0) else {
            return;
        };
        let called = &known.called;
        if called.answer_attachments {
            slot.set_answer_attachments();
        }
        metadata.timeout = called.timeout;
        metadata.binds_session = called.callback;
        metadata.attributes = called.attributes.clone();
        metadata.set_service_operation(called.interface.clone(), called.method.clone());
    });
}

/// Whether a call has come before, not long ago, and is short enough to be
/// remembered.
pub(crate) fn comes_again(front: Front, names: &[u8], attachments: &[u8]) -> bool {
    if names.len() + attachments.len() > MAX_BYTES {
        return false;
    }
    TABLE.with_borrow_mut(|table| table.comes_again(table.hash(front, attachments)))
}

/// Remembers a call in place of another one.
pub(crate) fn remember(
    front: Front,
    serialization: u8,
    names: &[u8],
    attachments: &[u8],
    mut called: Called,
) {
    called.attributes = called.attributes.into_shared();
    TABLE.with_borrow_mut(|table| {
        // The names may end elsewhere than they seemed to.
        if table.hasher.hash_one(names) != front.0 {
            return;
        }
        let hash = table.hash(front, attachments);
        if let Some(slot) = table.calls.get_mut(slot(hash)) {
            *slot = Some(Box::new(Known {
                bytes: [names, attachments].concat().into_boxed_slice(),
                names_bytes: names.len(),
                serialization,
                called,
            }));
        }
    });
}

/// Where the names end, if they are strings of the usual forms. Nothing is
/// checked: this is for what is compared afterwards.
pub(crate) fn names_end_hessian(frame: &[u8]) -> Option<usize> {
    let mut at = HEAD_BYTES;
    for _ in 0..5 {
        at += match frame.get(at..)? {
            [length @ 0x00..=0x1f, ..] => 1 + usize::from(*length),
            [high @ 0x30..=0x33, low, ..] => {
                2 + (usize::from(*high - 0x30) << 8 | usize::from(*low))
            }
            _ => return None,
        };
    }
    (at < frame.len()).then_some(at)
}

/// The same for fastjson2.
pub(crate) fn names_end_jsonb(frame: &[u8]) -> Option<usize> {
    let mut at = HEAD_BYTES;
    for _ in 0..5 {
        let length = frame.get(at..)?.first_chunk()?;
        at = at
            .checked_add(4)?
            .checked_add(u32::from_be_bytes(*length) as usize)?;
    }
    (at < frame.len()).then_some(at)
}
