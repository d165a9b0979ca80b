//! Descriptors: how many parameters a method has.

/// What a byte may be in the name of a class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Letter,
    Digit,
    Slash,
    None,
}

const NAMES: [Part; 256] = {
    let mut names = [Part::None; 256];
    let mut byte = 0;
    while byte < 256 {
        names[byte] = match byte as u8 {
            b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z' => Part::Letter,
            b'0'..=b'9' => Part::Digit,
            b'/' => Part::Slash,
            _ => Part::None,
        };
        byte += 1;
    }
    names
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
        [b'L', name @ ..] => {
            let end = name.iter().position(|byte| *byte == b';')?;
            let (name, behind) = name.split_at_checked(end)?;
            let mut begins = true;
            for byte in name {
                begins = match NAMES[usize::from(*byte)] {
                    Part::Letter => false,
                    Part::Digit if !begins => false,
                    Part::Slash if !begins => true,
                    _ => return None,
                };
            }
            (!begins).then(|| behind.get(1..))?
        }
        _ => None,
    }
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
