//! Rewriting: a header's pairs as they are to leave.

use meta_core::{Change, Mutation};

use super::{
    info::{INTEGERS, Key, Pair, Reader, STRINGS, TOKEN},
    keys::Target,
};

/// What is to become of some pairs, one change for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes<'a> {
    list: Vec<Planned<'a>>,
}

#[derive(Clone, Debug)]
struct Planned<'a> {
    target: Target<'a>,
    /// `None`: it goes.
    value: Option<&'a str>,
    /// There is such a pair, so that its place is kept.
    has_place: bool,
    is_written: bool,
}

impl<'a> Changes<'a> {
    pub(super) fn set(&mut self, key: &'a str, value: &'a str) {
        self.plan(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: &'a str) {
        self.plan(key, None);
    }

    pub(super) fn extend(&mut self, mutation: &'a Mutation) {
        for change in mutation {
            match change {
                Change::Set { key, value } => self.set(key, value),
                change => self.remove(change.key()),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The last word about a pair holds, by whichever of its names.
    fn plan(&mut self, key: &'a str, value: Option<&'a str>) {
        let target = Target::of(key);
        match self.list.iter_mut().find(|other| other.target == target) {
            Some(planned) => planned.value = value,
            None => self.list.push(Planned {
                target,
                value,
                has_place: false,
                is_written: false,
            }),
        }
    }

    fn of(&mut self, pair: &Pair, area: &[u8]) -> Option<&mut Planned<'a>> {
        let mut list = self.list.iter_mut();
        list.find(|planned| match (&pair.key, planned.target) {
            (Key::String(key), Target::String(wanted)) => {
                area.get(key.clone()) == Some(wanted.as_bytes())
            }
            (Key::Integer(number), Target::Integer(wanted)) => *number == wanted,
            (Key::Token, Target::Token) => true,
            _ => false,
        })
    }
}

/// All behind a header's fixed part, with the pairs of the blocks at `info_at`
/// changed, and padded. `None` where it cannot be written in 16-bit numbers.
///
/// What is set stays in its place, what is new stands behind the others of its
/// kind; Kitex, as it reads them into a map, sees the last of equal keys, so one
/// is left of those that are set.
pub(super) fn rewrite(
    area: &[u8],
    fixed_bytes: usize,
    info_at: usize,
    changes: &mut Changes<'_>,
) -> Option<Vec<u8>> {
    for planned in &mut changes.list {
        planned.has_place = false;
        planned.is_written = false;
    }
    let mut reader = Reader::new(area, info_at);
    while let Some(pair) = reader.next().ok()? {
        if let Some(planned) = changes.of(&pair, area) {
            planned.has_place = true;
        }
    }
    let mut out = Vec::with_capacity(area.len() + 64);
    out.extend_from_slice(area.get(fixed_bytes..info_at)?);
    let mut blocks = Blocks { out, open: None };
    let mut reader = Reader::new(area, info_at);
    let mut block_at = info_at;
    while let Some(pair) = reader.next().ok()? {
        if pair.block_at != block_at {
            blocks.close(changes)?;
            block_at = pair.block_at;
        }
        let kind = match pair.key {
            Key::String(_) => STRINGS,
            Key::Integer(_) => INTEGERS,
            Key::Token => TOKEN,
        };
        blocks.open(kind);
        match changes.of(&pair, area) {
            None => blocks.copy(area.get(pair.bytes)?)?,
            Some(planned) => match planned.value {
                Some(value) if !planned.is_written => {
                    planned.is_written = true;
                    blocks.put(planned.target, value)?;
                }
                _ => {}
            },
        }
    }
    blocks.close(changes)?;
    for kind in [TOKEN, STRINGS, INTEGERS] {
        blocks.open(kind);
        blocks.close(changes)?;
    }
    let mut out = blocks.out;
    out.resize(out.len().next_multiple_of(4), 0);
    (out.len() / 4 <= usize::from(u16::MAX)).then_some(out)
}

/// Blocks on their way out.
struct Blocks {
    out: Vec<u8>,
    open: Option<Open>,
}

/// A block that is being written.
struct Open {
    kind: u8,
    at: usize,
    count: u16,
}

impl Blocks {
    fn open(&mut self, kind: u8) {
        if self.open.is_none() {
            let at = self.out.len();
            self.open = Some(Open { kind, at, count: 0 });
            self.out.push(kind);
            if kind != TOKEN {
                self.out.extend([0; 2]);
            }
        }
    }

    /// Adds what is new of the block's kind, and the count.
    fn close(&mut self, changes: &mut Changes<'_>) -> Option<()> {
        let Some(kind) = self.open.as_ref().map(|open| open.kind) else {
            return Some(());
        };
        for planned in &mut changes.list {
            let fits = matches!(
                (planned.target, kind),
                (Target::String(_), STRINGS)
                    | (Target::Integer(_), INTEGERS)
                    | (Target::Token, TOKEN)
            );
            let is_new = !planned.has_place && !planned.is_written;
            if let (true, true, Some(value)) = (fits, is_new, planned.value) {
                planned.is_written = true;
                self.put(planned.target, value)?;
            }
        }
        let open = self.open.take()?;
        match open.count {
            0 => self.out.truncate(open.at),
            _ if kind == TOKEN => {}
            count => {
                let room = self.out.get_mut(open.at + 1..open.at + 3)?;
                room.copy_from_slice(&count.to_be_bytes());
            }
        }
        Some(())
    }

    fn put(&mut self, target: Target<'_>, value: &str) -> Option<()> {
        match target {
            Target::String(key) => self.text(key)?,
            Target::Integer(number) => self.out.extend(number.to_be_bytes()),
            Target::Token => {}
        }
        self.text(value)?;
        self.counted()
    }

    fn copy(&mut self, pair: &[u8]) -> Option<()> {
        self.out.extend_from_slice(pair);
        self.counted()
    }

    fn counted(&mut self) -> Option<()> {
        let open = self.open.as_mut()?;
        open.count = open.count.checked_add(1)?;
        Some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.out
            .extend(u16::try_from(text.len()).ok()?.to_be_bytes());
        self.out.extend(text.as_bytes());
        Some(())
    }
}
