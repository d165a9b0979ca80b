//! Frames built and opened by hand.

use super::{
    header::{FIXED_BYTES, Header, MAGIC, MUX},
    info::{INTEGERS, Key, Reader, STRINGS},
};
use crate::{form::Transport, head::chunk, wire::Opened};

/// The parts of a frame.
pub(crate) struct Frame<'a> {
    pub(crate) framed: bool,
    pub(crate) mux: bool,
    pub(crate) id: i32,
    pub(crate) info: &'a [(String, String)],
    pub(crate) int_info: &'a [(u16, String)],
    pub(crate) message: &'a [u8],
}

impl Frame<'_> {
    /// The frame's bytes, the string pairs before the integer pairs, as in Kitex.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut area = vec![0, 0];
        if !self.info.is_empty() {
            area.push(STRINGS);
            area.extend(short(self.info.len()));
            for (key, value) in self.info {
                put_text(&mut area, key);
                put_text(&mut area, value);
            }
        }
        if !self.int_info.is_empty() {
            area.push(INTEGERS);
            area.extend(short(self.int_info.len()));
            for (key, value) in self.int_info {
                area.extend(key.to_be_bytes());
                put_text(&mut area, value);
            }
        }
        area.resize(area.len().next_multiple_of(4), 0);
        let inner = if self.framed { 4 } else { 0 };
        let mut out = long(FIXED_BYTES - 4 + area.len() + inner + self.message.len()).to_vec();
        out.extend(MAGIC);
        out.extend(if self.mux { MUX } else { 0 }.to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.extend(short(area.len() / 4));
        out.extend(area);
        if self.framed {
            out.extend(long(self.message.len()));
        }
        out.extend(self.message);
        out
    }
}

/// Opens a whole frame; `None` where it is none.
pub(crate) fn open(bytes: &[u8]) -> Option<(Transport, Opened<'_>)> {
    let header = Header::read(bytes).ok()??;
    let frame = bytes.get(..header.total)?;
    let area = frame.get(..header.end)?;
    let text = |range| {
        let text = area.get(range).unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    let mut reader = Reader::new(area, header.info_at(area).ok()?);
    let (mut info, mut int_info) = (Vec::new(), Vec::new());
    while let Some(pair) = reader.next().ok()? {
        match pair.key {
            Key::String(key) => info.push((text(key), text(pair.value))),
            Key::Integer(number) => int_info.push((number, text(pair.value))),
            Key::Token => {}
        }
    }
    let payload = frame.get(header.end..)?;
    let framed = !matches!(payload.first_chunk()?, [0x80 | 0x82, _]);
    let message = match framed {
        true => {
            let length = u32::from_be_bytes(*chunk(payload, 0)?) as usize;
            payload.get(4..).filter(|message| message.len() == length)?
        }
        false => payload,
    };
    let mux = header.is_mux();
    let opened = Opened {
        header_id: Some(header.id as i32),
        info,
        int_info,
        message: message.into(),
    };
    Some((Transport::TtHeader { framed, mux }, opened))
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(short(text.len()));
    out.extend(text.as_bytes());
}

fn short(number: usize) -> [u8; 2] {
    let number = u16::try_from(number).expect("it fits 16 bits");
    number.to_be_bytes()
}

fn long(number: usize) -> [u8; 4] {
    let number = u32::try_from(number).expect("it fits 32 bits");
    number.to_be_bytes()
}
