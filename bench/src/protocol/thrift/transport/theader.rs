//! THeader: `0fff`, flags, id, and an area of protocol, transforms and info.

use anyhow::{Result, bail, ensure};

use super::super::encoding::Encoding;
use super::super::wire::{take_counted, take_varint, write_counted, write_varint};
use super::{Info, Key, behind_words, take_start};

const MAGIC: u16 = 0x0fff;
/// The info block of keys and values.
const KEY_VALUE: u32 = 1;
const PADDING: u32 = 0;
/// What a client says in every call.
pub(super) const CALL_INFO: &[(Key<'_>, &[u8])] = &[(Key::Text(b"client-id"), b"bench.load")];

pub(super) fn write(id: u32, encoding: Encoding, info: &Info<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&id.to_be_bytes());
    behind_words(out, |out| {
        write_varint(protocol(encoding), out);
        // No transforms.
        write_varint(0, out);
        write_varint(KEY_VALUE, out);
        write_varint(info.len() as u32, out);
        for (key, value) in info {
            if let Key::Text(key) = key {
                write_counted(key, out);
                write_counted(value, out);
            }
        }
    });
}

pub(super) fn take<'a>(rest: &mut &'a [u8], encoding: Encoding) -> Result<(u32, Info<'a>)> {
    let (id, mut area) = take_start(rest, MAGIC)?;
    let found = take_varint(&mut area)?;
    ensure!(found == protocol(encoding), "protocol {found}");
    let transforms = take_varint(&mut area)?;
    ensure!(transforms == 0, "{transforms} transforms");
    let mut info = Info::new();
    while !area.is_empty() {
        match take_varint(&mut area)? {
            PADDING => {
                ensure!(
                    area.len() < 4 && area.iter().all(|&byte| byte == 0),
                    "no padding"
                );
                break;
            }
            KEY_VALUE => {
                let count = take_varint(&mut area)?;
                ensure!(count > 0, "an empty info block");
                for _ in 0..count {
                    info.push((
                        Key::Text(take_counted(&mut area)?),
                        take_counted(&mut area)?,
                    ));
                }
            }
            block => bail!("info block {block}"),
        }
    }
    Ok((id, info))
}

fn protocol(encoding: Encoding) -> u32 {
    match encoding {
        Encoding::Compact => 2,
        Encoding::Binary | Encoding::Json => 0,
    }
}
