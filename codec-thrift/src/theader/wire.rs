//! Frames built and opened by hand.

use std::borrow::Cow;

use super::{
    MAGIC,
    area::{Area, FIXED_BYTES, Fixed, ZLIB},
    pairs::KEY_VALUE,
    zlib,
};
use crate::{form::Protocol, head::put_varint, wire::Opened};

/// A frame to be built.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) id: i32,
    pub(crate) info: &'a [(String, String)],
    pub(crate) zlib: bool,
    pub(crate) message: &'a [u8],
}

impl Frame<'_> {
    /// The frame's bytes, as the libraries write them.
    ///
    /// # Panics
    ///
    /// If the info headers do not fit.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut area = vec![match self.protocol {
            Protocol::Compact => 2,
            Protocol::Json => 1,
            Protocol::Binary | Protocol::OldBinary => 0,
        }];
        let mut put = |number: usize| {
            let number = u32::try_from(number).expect("a length fits 32 bits");
            put_varint(number, |byte| area.push(byte));
        };
        put(self.zlib.into());
        if self.zlib {
            put(ZLIB as usize);
        }
        if !self.info.is_empty() {
            put(KEY_VALUE as usize);
            put(self.info.len());
        }
        for text in self.info.iter().flat_map(|(key, value)| [key, value]) {
            put_varint(text.len() as u32, |byte| area.push(byte));
            area.extend(text.as_bytes());
        }
        area.resize(area.len().next_multiple_of(4), 0);
        let words = u16::try_from(area.len() / 4).expect("info headers fit the header area");
        let payload = match self.zlib {
            true => zlib::deflate([self.message, b"", b""])
                .expect("memory takes all bytes")
                .into(),
            false => Cow::Borrowed(self.message),
        };
        let length = FIXED_BYTES - 4 + area.len() + payload.len();
        let length = u32::try_from(length).expect("a length fits 32 bits");
        let mut out = length.to_be_bytes().to_vec();
        out.extend(MAGIC);
        out.extend([0, 0]);
        out.extend(self.id.to_be_bytes());
        out.extend(words.to_be_bytes());
        out.extend(area);
        out.extend(&*payload);
        out
    }
}

/// Opens a whole frame; `None` where it is none.
pub(crate) fn open(frame: &[u8]) -> Option<Opened<'_>> {
    let fixed = Fixed::read(frame).ok()??;
    let area = Area::read(frame.get(..fixed.payload_at)?).ok()?;
    let text = |range| String::from_utf8_lossy(area.bytes(range)).into_owned();
    let info = area.pairs().map(|pair| {
        let pair = pair?;
        Ok((text(pair.key), text(pair.value)))
    });
    let info: Result<_, meta_core::CodecError> = info.collect();
    let payload = frame.get(fixed.payload_at..fixed.total)?;
    Some(Opened {
        header_id: Some(fixed.id as i32),
        info: info.ok()?,
        message: match area.is_compressed {
            true => zlib::inflate(payload, i32::MAX as usize).ok()?.into(),
            false => payload.into(),
        },
        ..Opened::default()
    })
}
