//! Skipping: the end of any value, without decoding it.

use super::{MAX_CLASSES, Reader};
use crate::body::Stop;

impl Reader<'_> {
    /// Skips the value that begins with `tag`, which has been read. `depth` more
    /// levels may be opened.
    pub(super) fn skip_of(&mut self, mut tag: u8, depth: usize) -> Result<(), Stop> {
        // Class definitions stand before the value that needs them.
        while tag == b'C' {
            self.class()?;
            tag = self.byte()?;
        }
        match tag {
            0x00..=0x1f => self.units(tag.into()).map(drop),
            0x30..=0x33 | b'R' | b'S' => self.string_of(tag).map(drop),
            // int, long, double, date, true, false, null
            0x80..=0xbf | 0xd8..=0xef | b'F' | b'N' | b'T' | 0x5b | 0x5c => Ok(()),
            0xc0..=0xcf | 0xf0..=0xff | 0x5d => self.forward(1),
            0x38..=0x3f | 0xd0..=0xd7 | 0x5e => self.forward(2),
            b'I' | b'K' | b'Y' | 0x5f => self.forward(4),
            b'D' | b'J' | b'L' => self.forward(8),
            0x20..=0x2f | 0x34..=0x37 | b'A' | b'B' => self.binary(tag),
            // objects
            0x60..=0x6f => self.fields((tag - 0x60).into(), depth),
            b'O' => {
                let class = usize::try_from(self.int()?).map_err(|_| Stop::Unreadable)?;
                self.fields(class, depth)
            }
            // a reference to an earlier list, map or object
            b'Q' => self.int().map(drop),
            // maps
            b'H' => self.pairs(depth),
            b'M' => {
                self.type_name()?;
                self.pairs(depth)
            }
            // lists
            b'W' => self.values_to_end(depth),
            b'U' => {
                self.type_name()?;
                self.values_to_end(depth)
            }
            b'X' => {
                let count = self.count()?;
                self.values(count, depth)
            }
            b'V' => {
                self.type_name()?;
                let count = self.count()?;
                self.values(count, depth)
            }
            0x70..=0x77 => {
                self.type_name()?;
                self.values((tag - 0x70).into(), depth)
            }
            0x78..=0x7f => self.values((tag - 0x78).into(), depth),
            // `@`, `E`, `G`, `P` are no one's, `Z` ends what is not open.
            _ => Err(Stop::Unreadable),
        }
    }

    fn values(&mut self, count: usize, depth: usize) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        for _ in 0..count {
            let tag = self.byte()?;
            self.skip_of(tag, depth)?;
        }
        Ok(())
    }

    fn values_to_end(&mut self, depth: usize) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        loop {
            match self.byte()? {
                b'Z' => return Ok(()),
                tag => self.skip_of(tag, depth)?,
            }
        }
    }

    fn pairs(&mut self, depth: usize) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        loop {
            match self.byte()? {
                b'Z' => return Ok(()),
                tag => self.skip_of(tag, depth)?,
            }
            let tag = self.byte()?;
            self.skip_of(tag, depth)?;
        }
    }

    fn fields(&mut self, class: usize, depth: usize) -> Result<(), Stop> {
        let count = self.classes.0.get(class).ok_or(Stop::Unreadable)?;
        self.values(*count as usize, depth)
    }

    /// A class: its name, how many fields it has, and their names.
    fn class(&mut self) -> Result<(), Stop> {
        self.name()?;
        let count = self.count()?;
        for _ in 0..count {
            self.name()?;
        }
        if self.classes.0.len() == MAX_CLASSES {
            return Err(Stop::TooManyClasses);
        }
        // A count is below the length of a message, which is 32 bits wide.
        self.classes
            .0
            .push(u32::try_from(count).unwrap_or(u32::MAX));
        Ok(())
    }

    fn name(&mut self) -> Result<(), Stop> {
        let tag = self.byte()?;
        match self.string_of(tag)? {
            Some(_) => Ok(()),
            None => Err(Stop::Unreadable),
        }
    }

    /// The type of a list or map: a name, or the number of an earlier one.
    pub(super) fn type_name(&mut self) -> Result<(), Stop> {
        let tag = self.byte()?;
        if self.string_of(tag)?.is_some() || self.int_of(tag)?.is_some() {
            return Ok(());
        }
        Err(Stop::Unreadable)
    }

    fn binary(&mut self, mut tag: u8) -> Result<(), Stop> {
        loop {
            match tag {
                0x20..=0x2f => return self.forward((tag - 0x20).into()),
                0x34..=0x37 => {
                    let low = usize::from(self.byte()?);
                    return self.forward(usize::from(tag - 0x34) << 8 | low);
                }
                b'B' => {
                    let length = u16::from_be_bytes(self.array()?);
                    return self.forward(length.into());
                }
                b'A' => {
                    let length = u16::from_be_bytes(self.array()?);
                    self.forward(length.into())?;
                    tag = self.byte()?;
                }
                _ => return Err(Stop::Unreadable),
            }
        }
    }
}
