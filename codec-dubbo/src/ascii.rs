//! ASCII: where it ends, looked for once for many strings.

/// How far [`run`] looks.
const MAX_RUN: usize = 1024;

/// What is looked at in one go.
const BLOCK: usize = 64;

/// How many of the first bytes are ASCII, as far as it looks.
pub(crate) fn run(bytes: &[u8]) -> usize {
    let bytes = bytes.get(..MAX_RUN).unwrap_or(bytes);
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut run = 0;
    for block in blocks {
        if !block.is_ascii() {
            return run + run_of_words(block);
        }
        run += BLOCK;
    }
    run + run_of_words(rest)
}

fn run_of_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut run = 0;
    for word in words {
        let high = u64::from_le_bytes(*word) & 0x8080_8080_8080_8080;
        if high != 0 {
            return run + high.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    run + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_before_the_first_byte_that_is_not_ascii() {
        for length in 0..200 {
            let mut bytes = vec![b'a'; length];
            assert_eq!(run(&bytes), length);
            bytes.extend([0x80, b'b', b'c']);
            assert_eq!(run(&bytes), length);
        }
        assert_eq!(run(&[b'a'; 2000]), MAX_RUN);
    }
}
