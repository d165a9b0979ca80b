//! TTHeader: `1000`, flags, id, and an area of protocol, transforms and info.

use anyhow::{Result, bail, ensure};

use super::super::wire::{take_byte, take_short, take_u16, write_short};
use super::{Info, Key, behind_words, take_start};

const MAGIC: u16 = 0x1000;
const BINARY: u8 = 0;
/// The info block of keys that are text.
const TEXT: u8 = 0x01;
/// The info block of keys that are numbers.
const NUMBERS: u8 = 0x10;
const PADDING: u8 = 0;
/// What a client says in every call: who calls whom, and which method.
pub(super) const CALL_INFO: &[(Key<'_>, &[u8])] = &[
    (Key::Number(3), b"bench.load"),
    (Key::Number(6), b"bench.echo"),
    (Key::Number(9), b"echo"),
];

pub(super) fn write(id: u32, info: &Info<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&id.to_be_bytes());
    behind_words(out, |out| {
        // No transforms.
        out.extend_from_slice(&[BINARY, 0]);
        let is_number = |key: &Key<'_>| matches!(key, Key::Number(_));
        let numbers = info.iter().filter(|(key, _)| is_number(key)).count();
        if numbers > 0 {
            out.push(NUMBERS);
            out.extend_from_slice(&(numbers as u16).to_be_bytes());
        }
        for (key, value) in info {
            if let Key::Number(key) = key {
                out.extend_from_slice(&key.to_be_bytes());
                write_short(value, out);
            }
        }
        out.push(TEXT);
        out.extend_from_slice(&((info.len() - numbers) as u16).to_be_bytes());
        for (key, value) in info {
            if let Key::Text(key) = key {
                write_short(key, out);
                write_short(value, out);
            }
        }
    });
}

pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Result<(u32, Info<'a>)> {
    let (id, mut area) = take_start(rest, MAGIC)?;
    let (protocol, transforms) = (take_byte(&mut area)?, take_byte(&mut area)?);
    ensure!(protocol == BINARY, "protocol {protocol}");
    ensure!(transforms == 0, "{transforms} transforms");
    let mut info = Info::new();
    while !area.is_empty() {
        match take_byte(&mut area)? {
            PADDING => {}
            NUMBERS => {
                for _ in 0..take_count(&mut area)? {
                    info.push((Key::Number(take_u16(&mut area)?), take_short(&mut area)?));
                }
            }
            TEXT => {
                for _ in 0..take_count(&mut area)? {
                    info.push((Key::Text(take_short(&mut area)?), take_short(&mut area)?));
                }
            }
            block => bail!("info block {block}"),
        }
    }
    Ok((id, info))
}

/// The entries of a block, which here always has some.
fn take_count(area: &mut &[u8]) -> Result<u16> {
    let count = take_u16(area)?;
    ensure!(count > 0, "an empty info block");
    Ok(count)
}
