//! Scanner: finds the end of an unframed JSON message, however its bytes arrive.
//!
//! Nothing is decoded and nothing allocated; what has been scanned once is not
//! scanned again.

use meta_core::{CodecError, CodecErrorKind};

use super::is_space;

/// The deepest nesting of values that can be asked for.
const MAX_DEPTH: usize = 64;

/// Elements of the message's list before its body.
const HEAD_ELEMENTS: u8 = 4;

/// Where in a message the scan stands.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// The next byte to look at.
    at: usize,
    place: Place,
    /// The brackets that are open.
    depth: usize,
    /// Which of them are braces: a bit for each, the outermost first.
    braces: [u64; 3],
    /// Commas behind elements of the message's list, as far as its header goes.
    elements: u8,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Outside,
    /// In a string.
    String,
    /// Behind a backslash.
    Escape,
}

/// How far the scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// The header is there; the body follows.
    Head,
    /// The message ends before this byte.
    End(usize),
    /// So many bytes in all are needed, at least.
    Need(usize),
}

impl Scanner {
    /// Scans on. `src` begins with the message; bytes that were there before are
    /// not looked at again.
    pub(crate) fn scan(&mut self, src: &[u8], max_depth: usize) -> Result<Scanned, CodecError> {
        let most = brackets(max_depth);
        loop {
            let rest = src.get(self.at..).unwrap_or_default();
            let skipped = match self.place {
                Place::Outside if self.depth > 1 || self.elements == HEAD_ELEMENTS => {
                    run(rest, is_plain)
                }
                Place::Outside => run(rest, |byte| is_plain(byte) & (byte != b',')),
                Place::String => run(rest, |byte| (byte != b'"') & (byte != b'\\')),
                Place::Escape => 0,
            };
            if self.depth == 0 && !rest.iter().take(skipped).all(|byte| is_space(*byte)) {
                return Err(CodecError::malformed("JSON message without a bracket").at(self.at));
            }
            let Some(&byte) = rest.get(skipped) else {
                self.at += skipped;
                return Ok(Scanned::Need(src.len() + self.missing()));
            };
            let at = self.at + skipped;
            self.at = at + 1;
            match (self.place, byte) {
                (Place::Escape, _) => self.place = Place::String,
                (Place::String, b'"') => self.place = Place::Outside,
                (Place::String, _) => self.place = Place::Escape,
                (Place::Outside, b'[') => self.open(false, most)?,
                (Place::Outside, b'{') if self.depth > 0 => self.open(true, most)?,
                (Place::Outside, b'"') if self.depth > 0 => self.place = Place::String,
                (Place::Outside, b',') if self.depth == 1 => {
                    self.elements += 1;
                    if self.elements == HEAD_ELEMENTS {
                        return Ok(Scanned::Head);
                    }
                }
                (Place::Outside, b']' | b'}') if self.depth > 0 => {
                    self.close(byte == b'}')?;
                    if self.depth == 0 {
                        return self.end();
                    }
                }
                (Place::Outside, _) => {
                    let detail = format!("byte {byte:#04x} where JSON has none");
                    return Err(CodecError::malformed(detail).at(at));
                }
            }
        }
    }

    fn open(&mut self, brace: bool, most: usize) -> Result<(), CodecError> {
        if self.depth >= most {
            let detail = format!("brackets nested deeper than {most}");
            let error = CodecError::new(CodecErrorKind::TooLarge, detail);
            return Err(error.at(self.at - 1));
        }
        if let Some(word) = self.braces.get_mut(self.depth / 64) {
            let bit = 1 << (self.depth % 64);
            *word = if brace { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
        Ok(())
    }

    /// Readers may differ on where a message ends that closes another bracket than
    /// it opened.
    fn close(&mut self, brace: bool) -> Result<(), CodecError> {
        self.depth -= 1;
        let word = self.braces.get(self.depth / 64).copied();
        let opened = word.unwrap_or_default() >> (self.depth % 64) & 1 == 1;
        match opened == brace {
            true => Ok(()),
            false => Err(CodecError::malformed("unlike brackets").at(self.at - 1)),
        }
    }

    fn end(&self) -> Result<Scanned, CodecError> {
        match self.elements == HEAD_ELEMENTS {
            true => Ok(Scanned::End(self.at)),
            false => {
                let detail = "JSON message that ends before its header does";
                Err(CodecError::malformed(detail).at(self.at - 1))
            }
        }
    }

    /// How many more bytes there must be.
    fn missing(&self) -> usize {
        let within = match self.place {
            Place::Outside => 0,
            Place::String => 1,
            Place::Escape => 2,
        };
        (within + self.depth).max(1)
    }
}

/// How many brackets values nested this deep can open.
///
/// The message opens two. A struct as a field opens two (`{"rec":{`), as a list's
/// element one; a map as a field three (`{"map":["str","i32",1,{`), as an element
/// two. So two for each level, and one more for the innermost container. That
/// which holds scalars alone is not counted as a level by [`Walker`], but here it
/// opens brackets.
///
/// [`Walker`]: crate::walk::Walker
fn brackets(max_depth: usize) -> usize {
    2 * max_depth.min(MAX_DEPTH) + 5
}

/// How many bytes of the beginning are all `inside`. The first are looked at one
/// by one, since names and numbers are short, the rest in blocks.
fn run(bytes: &[u8], inside: impl Fn(u8) -> bool) -> usize {
    const NEAR: usize = 16;
    let each = |bytes: &[u8]| bytes.iter().take_while(|byte| inside(**byte)).count();
    let (near, far) = bytes.split_at(bytes.len().min(NEAR));
    let length = each(near);
    if length < NEAR {
        return length;
    }
    let (blocks, _) = far.as_chunks::<32>();
    let whole = |block: &&[u8; 32]| block.iter().fold(true, |all, byte| all & inside(*byte));
    let skipped = blocks.iter().take_while(whole).count() * 32;
    NEAR + skipped + each(far.get(skipped..).unwrap_or_default())
}

/// Whether a byte may stand outside of strings and is neither a bracket nor a
/// quote: numbers and what is between values. Without branches, so that blocks
/// are compared at once.
fn is_plain(byte: u8) -> bool {
    let number = byte.wrapping_sub(b'+') <= b':' - b'+';
    let letter = (byte | 0x20).wrapping_sub(b'a') <= b'z' - b'a';
    number | letter | (byte == b' ') | (byte == b'\t') | (byte == b'\r') | (byte == b'\n')
}

#[cfg(test)]
mod tests;
