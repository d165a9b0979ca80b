//! Descriptors: how many parameters a method has.

/// What a byte may be in the name of a class: those that may begin one come first,
/// those that may not be there last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Part {
    Letter,
    Digit,
    Slash,
    End,
    None,
}

const PARTS: [Part; 256] = {
    let mut parts = [Part::None; 256];
    let mut byte = 0;
    while byte < 256 {
        parts[byte] = match byte as u8 {
            b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z' => Part::Letter,
            b'0'..=b'9' => Part::Digit,
            b'/' => Part::Slash,
            b';' => Part::End,
            _ => Part::None,
        };
        byte += 1;
    }
    parts
};

/// How many types a descriptor such as `Ljava/lang/String;[I` names; `None`
/// where a provider would not read it as it stands.
pub(crate) fn parameters(descriptor: &[u8]) -> Option<usize> {
    let mut count = 0;
    let mut rest = descriptor;
    loop {
        rest = match rest {
            [] => return Some(count),
            [b'[', behind @ ..] => {
                let behind = skip_brackets(behind);
                type_of(behind)?
            }
            _ => type_of(rest)?,
        };
        count += 1;
    }
}

fn skip_brackets(mut rest: &[u8]) -> &[u8] {
    while let [b'[', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

/// What is behind the type at the beginning.
fn type_of(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [
            b'V' | b'Z' | b'B' | b'C' | b'D' | b'F' | b'I' | b'J' | b'S',
            behind @ ..,
        ] => Some(behind),
        [b'L', name @ ..] => class(name),
        _ => None,
    }
}

/// What is behind the name of a class.
fn class(bytes: &[u8]) -> Option<&[u8]> {
    // Letters alone may begin a name, or what is behind a slash.
    let mut most = Part::Letter;
    for (at, byte) in bytes.iter().enumerate() {
        let part = PARTS[usize::from(*byte)];
        if part > most {
            return None;
        }
        if part == Part::End {
            return bytes.get(at + 1..);
        }
        most = match part {
            Part::Slash => Part::Letter,
            _ => Part::End,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_counted_as_providers_do() {
        for (descriptor, count) in [
            ("", Some(0)),
            ("I", Some(1)),
            ("Ljava/lang/String;", Some(1)),
            (
                "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;",
                Some(3),
            ),
            ("[[IJZ", Some(3)),
            ("La$b/C_1;D", Some(2)),
            ("X", None),
            ("[", None),
            ("Ljava/lang/String", None),
            ("L;", None),
            ("L/a;", None),
            ("La//b;", None),
            ("L1a;", None),
            ("Ljava.lang.String;", None),
        ] {
            assert_eq!(parameters(descriptor.as_bytes()), count, "{descriptor}");
        }
    }
}
