//! Writing strings.

/// The longest chunk, in UTF-16 units, as Dubbo's own library writes them.
const CHUNK_UNITS: usize = 0x8000;

/// Writes `text` as a string.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    if text.len() < 0x20 && text.is_ascii() {
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut left = text.encode_utf16().count();
    let mut units = text.encode_utf16();
    while left > CHUNK_UNITS {
        let mut chunk: Vec<u16> = units.by_ref().take(CHUNK_UNITS).collect();
        // A pair of surrogates stays together where it can.
        let split = chunk.last().filter(|unit| (0xd800..0xdc00).contains(*unit));
        let split = split.copied();
        if split.is_some() {
            chunk.pop();
        }
        out.push(b'R');
        out.extend((chunk.len() as u16).to_be_bytes());
        left -= chunk.len();
        put_units(out, chunk);
        if let Some(high) = split {
            // Its low half comes next.
            let rest: Vec<u16> = std::iter::once(high).chain(units).collect();
            return put_rest(out, &rest);
        }
    }
    put_last(out, left);
    put_units(out, units);
}

fn put_rest(out: &mut Vec<u8>, units: &[u16]) {
    put_string(out, &String::from_utf16_lossy(units));
}

fn put_last(out: &mut Vec<u8>, count: usize) {
    match count {
        0..0x20 => out.push(count as u8),
        0x20..0x400 => out.extend([0x30 | (count >> 8) as u8, count as u8]),
        _ => {
            out.push(b'S');
            out.extend((count as u16).to_be_bytes());
        }
    }
}

/// Writes UTF-16 units, each as one to three bytes.
pub(crate) fn put_units(out: &mut Vec<u8>, units: impl IntoIterator<Item = u16>) {
    for unit in units {
        match unit {
            0..0x80 => out.push(unit as u8),
            0x80..0x800 => out.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            _ => out.extend([
                0xe0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3f) as u8,
                0x80 | (unit & 0x3f) as u8,
            ]),
        }
    }
}
