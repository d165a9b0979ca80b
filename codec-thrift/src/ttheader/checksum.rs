//! Checksum: keeping a CRC-32C true when some of the bytes it covers change.

/// The polynomial, its bits reflected, as are those of all values here: the
/// topmost stands for 1, the one below for x.
const POLYNOMIAL: u32 = 0x82f6_3b78;
const ONE: u32 = 1 << 31;
const X_TO_8: u32 = ONE >> 8;

/// What the checksum of some bytes becomes, in which `before` is replaced by
/// `after`, as many bytes, with `behind` bytes behind them.
///
/// It is worked out from what changes alone, so that bytes that were wrong
/// before are still found out.
pub(super) fn changed(checksum: u32, before: &[u8], after: &[u8], behind: usize) -> u32 {
    let mut difference = 0;
    for (before, after) in before.iter().zip(after) {
        difference ^= u32::from(before ^ after);
        for _ in 0..8 {
            difference = times_x(difference);
        }
    }
    checksum ^ product(difference, x_to_8(behind))
}

/// x to the power of 8 × `bytes`: what that many bytes more do to a remainder.
fn x_to_8(mut bytes: usize) -> u32 {
    let mut power = ONE;
    let mut square = X_TO_8;
    while bytes > 0 {
        if bytes & 1 != 0 {
            power = product(power, square);
        }
        square = product(square, square);
        bytes >>= 1;
    }
    power
}

fn product(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for bit in (0..32).rev() {
        if a >> bit & 1 != 0 {
            product ^= b;
        }
        b = times_x(b);
    }
    product
}

fn times_x(value: u32) -> u32 {
    (value >> 1) ^ (POLYNOMIAL * (value & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc32c(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| times_x(crc))
        })
    }

    #[test]
    fn a_change_anywhere_is_followed() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        for behind in [0, 1, 2, 3, 4, 7, 8, 100, 5000] {
            let mut bytes = b"a call's name".to_vec();
            let at = bytes.len();
            bytes.extend([0, 0, 1, 44]);
            bytes.extend(b"arguments".iter().cycle().take(behind));
            let before = crc32c(&bytes);
            bytes[at..at + 4].copy_from_slice(&[0x7f, 2, 3, 4]);
            let found = changed(before, &[0, 0, 1, 44], &[0x7f, 2, 3, 4], behind);
            assert_eq!(found, crc32c(&bytes), "{behind} bytes behind");
        }
    }
}
