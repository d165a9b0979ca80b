//! Walker: finds the end of an unframed message, however its bytes arrive.
//!
//! Nothing is decoded and nothing allocated; what has been walked once is not
//! walked again.

use meta_core::{CodecError, CodecErrorKind, Decoded};

use self::value::{Container, Value, binary_list, binary_map, compact_list, compact_map, length};
use crate::{form::Protocol, head::varint};

mod value;

/// The deepest nesting that can be asked for.
const MAX_DEPTH: usize = 64;

/// Where in a message the walk stands.
#[derive(Debug)]
pub(crate) struct Walker {
    compact: bool,
    /// The next byte to look at; what is skipped may lie ahead of what has come.
    at: usize,
    /// A value that is to be walked next.
    pending: Option<Value>,
    depth: usize,
    /// The open structs and containers; the message's own struct is the first.
    levels: [Level; MAX_DEPTH + 1],
}

/// A struct or container whose end has not been reached.
#[derive(Clone, Copy, Debug)]
enum Level {
    Struct,
    /// Elements, or keys and values in turn.
    Elements {
        key: Value,
        value: Value,
        left: u64,
    },
}

/// How far the walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    /// The message ends before this byte.
    End(usize),
    /// So many bytes in all are needed, at least.
    Need(usize),
}

/// What a piece of the message says comes next.
enum Next {
    Value(Value),
    Ended,
    Short,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            compact: false,
            at: 0,
            pending: None,
            depth: 0,
            levels: [Level::Struct; MAX_DEPTH + 1],
        }
    }
}

impl Walker {
    /// Begins with the message whose body, a struct, begins at `body_at`.
    pub(crate) fn start(&mut self, protocol: Protocol, body_at: usize) {
        self.compact = protocol == Protocol::Compact;
        self.at = body_at;
        self.pending = None;
        self.depth = 1;
        self.levels[0] = Level::Struct;
    }

    /// Walks on. `src` begins with the message; bytes that were there before are
    /// not looked at again.
    pub(crate) fn walk(
        &mut self,
        src: &[u8],
        limit: usize,
        max_depth: usize,
    ) -> Result<Walked, CodecError> {
        let max_depth = max_depth.min(MAX_DEPTH);
        while self.depth > 0 {
            // The stop byte of the message's own struct is still to come.
            if self.at >= limit {
                return Err(too_large(self.at + 1, limit));
            }
            // Kept on the stack: all but the last value in `src` is there whole.
            let value = match self.pending.take() {
                Some(value) => value,
                None => match self.next(src)? {
                    Next::Value(value) => value,
                    Next::Ended => {
                        self.depth -= 1;
                        continue;
                    }
                    Next::Short => return self.need(src, limit),
                },
            };
            if !self.enter(value, src, limit, max_depth)? {
                self.pending = Some(value);
                return self.need(src, limit);
            }
        }
        Ok(Walked::End(self.at))
    }

    /// What is missing at least: a byte, or what is skipped, and a byte behind it.
    fn need(&self, src: &[u8], limit: usize) -> Result<Walked, CodecError> {
        let need = self.at.max(src.len()) + 1;
        match need > limit {
            true => Err(too_large(need, limit)),
            false => Ok(Walked::Need(need)),
        }
    }

    /// Looks at what comes next in the innermost struct or container.
    fn next(&mut self, src: &[u8]) -> Result<Next, CodecError> {
        let Some(level) = self.levels.get_mut(self.depth - 1) else {
            return Ok(Next::Ended);
        };
        match level {
            Level::Elements { left: 0, .. } => Ok(Next::Ended),
            Level::Elements { key, value, left } => {
                let next = if *left % 2 == 0 { *key } else { *value };
                *left -= 1;
                Ok(Next::Value(next))
            }
            Level::Struct if self.compact => self.compact_field(src),
            Level::Struct => self.binary_field(src),
        }
    }

    /// `type, id` or a stop.
    fn binary_field(&mut self, src: &[u8]) -> Result<Next, CodecError> {
        let at = self.at;
        let Some(&kind) = src.get(at) else {
            return Ok(Next::Short);
        };
        if kind == 0 {
            self.at += 1;
            return Ok(Next::Ended);
        }
        let value = Value::binary(kind, at)?;
        if src.len() < at + 3 {
            return Ok(Next::Short);
        }
        self.at += 3;
        Ok(Next::Value(value))
    }

    /// `step in 4 bits, type in 4 bits`, with a zigzag varint for the id where the
    /// step is 0, or a stop.
    fn compact_field(&mut self, src: &[u8]) -> Result<Next, CodecError> {
        let at = self.at;
        let Some(&begin) = src.get(at) else {
            return Ok(Next::Short);
        };
        if begin == 0 {
            self.at += 1;
            return Ok(Next::Ended);
        }
        let value = match begin & 0x0f {
            // A bool field lives in its type.
            1 | 2 => Value::Fixed(0),
            kind => Value::compact(kind, at)?,
        };
        let id_width = match begin >> 4 {
            0 => match varint(src, at + 1)? {
                Some((_, width)) => width,
                None => return Ok(Next::Short),
            },
            _ => 0,
        };
        self.at += 1 + id_width;
        Ok(Next::Value(value))
    }

    /// Skips the pending value or opens it; `false` where bytes are missing.
    fn enter(
        &mut self,
        value: Value,
        src: &[u8],
        limit: usize,
        max_depth: usize,
    ) -> Result<bool, CodecError> {
        let at = self.at;
        match value {
            Value::Fixed(width) => self.skip(usize::from(width)),
            Value::Varint => match varint(src, at)? {
                Some((_, width)) => self.skip(width),
                None => return Ok(false),
            },
            Value::Bytes => match length(src, at, self.compact)? {
                Some((length, width)) => self.skip(width + length),
                None => return Ok(false),
            },
            Value::Struct => self.open(Level::Struct, max_depth)?,
            Value::List | Value::Map => {
                let container = match (value, self.compact) {
                    (Value::List, false) => binary_list(src, at)?,
                    (Value::List, true) => compact_list(src, at)?,
                    (_, false) => binary_map(src, at)?,
                    (_, true) => compact_map(src, at)?,
                };
                let Some(container) = container else {
                    return Ok(false);
                };
                self.skip(container.width);
                self.elements(container, limit, max_depth)?;
            }
        }
        Ok(true)
    }

    /// Opens a container, or skips it where its size is known.
    fn elements(
        &mut self,
        container: Container,
        limit: usize,
        max_depth: usize,
    ) -> Result<(), CodecError> {
        let end = self.at.saturating_add(container.least_bytes(self.compact));
        if end >= limit {
            return Err(too_large(end.saturating_add(1), limit));
        }
        let Container {
            key, value, left, ..
        } = container;
        if let (Value::Fixed(_), Value::Fixed(_)) = (key, value) {
            self.at = end;
            return Ok(());
        }
        self.open(Level::Elements { key, value, left }, max_depth)
    }

    fn open(&mut self, level: Level, max_depth: usize) -> Result<(), CodecError> {
        match self.levels.get_mut(self.depth) {
            Some(slot) if self.depth <= max_depth => *slot = level,
            _ => {
                let detail = format!("values nested deeper than {max_depth}");
                return Err(CodecError::new(CodecErrorKind::TooLarge, detail).at(self.at));
            }
        }
        self.depth += 1;
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }
}

/// Asks for more of an unframed message, of which `have` bytes came and `need` are
/// the least that it has.
///
/// Readers make room for exactly what they are told. A need that grows with every
/// read would make each of them a small one, and the copying quadratic; so what is
/// not much more than what is there is not told.
pub(crate) fn more(need: usize, have: usize) -> Decoded {
    match need > have.saturating_add(have / 2) {
        true => Decoded::need(need),
        false => Decoded::Need(None),
    }
}

/// What is said of an unframed message.
pub(crate) fn too_large(bytes: usize, limit: usize) -> CodecError {
    let detail = format!("message of {bytes} bytes or more is over the limit of {limit}");
    CodecError::new(CodecErrorKind::TooLarge, detail)
}

#[cfg(test)]
mod tests;
