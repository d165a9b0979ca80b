//! Rewriting: a header area whose info headers change.

use std::ops::Range;

use meta_core::{Change, FrameBuf, Mutation};

use super::{area::Area, pairs::KEY_VALUE};
use crate::head::put_varint;

/// A header area, and what is to change of its info headers.
///
/// A header that is set stays in its place; of several only the first does. New
/// ones stand behind those that were there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewrite<'a> {
    area: &'a Area<'a>,
    mutation: &'a Mutation,
    count: u32,
    /// Bytes without padding.
    bytes: usize,
}

/// An info header to be written.
enum Written<'a> {
    AsItCame(&'a [u8]),
    Set(&'a str, &'a str),
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(area: &'a Area<'a>, mutation: &'a Mutation) -> Self {
        let mut rewrite = Self {
            area,
            mutation,
            count: 0,
            bytes: 0,
        };
        let (mut count, mut bytes) = (0, 0);
        let rest = rewrite.each(|pair| {
            count += 1;
            bytes += match pair {
                Written::AsItCame(bytes) => bytes.len(),
                Written::Set(key, value) => string_bytes(key) + string_bytes(value),
            };
        });
        if count > 0 {
            bytes += varint_bytes(KEY_VALUE) + varint_bytes(count);
        }
        rewrite.count = count;
        rewrite.bytes = area.lead().len() + bytes + rest.len();
        rewrite
    }

    /// Words of four bytes that the header area takes.
    pub(super) fn words(&self) -> usize {
        self.bytes.div_ceil(4)
    }

    /// Writes the header area.
    pub(super) fn put(&self, dst: &mut FrameBuf) {
        dst.put_slice(self.area.lead());
        if self.count > 0 {
            put_varint(KEY_VALUE, |byte| dst.put_u8(byte));
            put_varint(self.count, |byte| dst.put_u8(byte));
        }
        let rest = self.each(|pair| match pair {
            Written::AsItCame(bytes) => dst.put_slice(bytes),
            Written::Set(key, value) => {
                put_string(key, dst);
                put_string(value, dst);
            }
        });
        dst.put_slice(self.area.bytes(rest));
        for _ in self.bytes..4 * self.words() {
            dst.put_u8(0);
        }
    }

    /// Calls `take` with each info header as it will be, and returns where what
    /// stands behind them is.
    fn each(&self, mut take: impl FnMut(Written<'a>)) -> Range<usize> {
        let mut pairs = self.area.pairs();
        while let Some(Ok(pair)) = pairs.next() {
            let key = self.area.bytes(pair.key);
            match self.last(key) {
                None => take(Written::AsItCame(
                    self.area.bytes(pair.start..pair.value.end),
                )),
                Some(Change::Set { key, value }) if self.first(key) == Some(pair.start) => {
                    take(Written::Set(key, value));
                }
                Some(_) => {}
            }
        }
        let mut changes = self.mutation.iter();
        while let Some(change) = changes.next() {
            let later = changes.as_slice();
            match change {
                Change::Set { key, value }
                    if self.first(key).is_none()
                        && !later.iter().any(|other| other.key() == key) =>
                {
                    take(Written::Set(key, value));
                }
                _ => {}
            }
        }
        pairs.rest()
    }

    /// The last change of `key`.
    fn last(&self, key: &[u8]) -> Option<&'a Change> {
        let mut changes = self.mutation.iter().rev();
        changes.find(|change| change.key().as_bytes() == key)
    }

    /// Where the first pair of `key` stands.
    fn first(&self, key: &str) -> Option<usize> {
        let mut pairs = self.area.pairs().map_while(Result::ok);
        let found = pairs.find(|pair| self.area.bytes(pair.key.clone()) == key.as_bytes());
        found.map(|pair| pair.start)
    }
}

fn put_string(text: &str, dst: &mut FrameBuf) {
    put_varint(number(text.len()), |byte| dst.put_u8(byte));
    dst.put_slice(text.as_bytes());
}

fn string_bytes(text: &str) -> usize {
    varint_bytes(number(text.len())) + text.len()
}

/// What is longer does not fit any header area.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn varint_bytes(number: u32) -> usize {
    let mut bytes = 0;
    put_varint(number, |_| bytes += 1);
    bytes
}
