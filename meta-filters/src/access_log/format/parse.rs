//! Reading a format.

use super::{super::error::FormatError, operator::Operator};

/// A part of a format.
#[derive(Debug)]
pub(super) enum Piece {
    Text(Box<str>),
    Operator(Operator),
}

/// Reads text with operators between percent signs, of which two stand for one.
pub(super) fn pieces(format: &str) -> Result<Vec<Piece>, FormatError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once('%') {
        let at = format.len() - behind.len() - 1;
        text.push_str(before);
        if let Some(behind) = behind.strip_prefix('%') {
            text.push('%');
            rest = behind;
            continue;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text).into()));
        }
        let (operator, behind) = operator(at, behind)?;
        pieces.push(Piece::Operator(operator));
        rest = behind;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    Ok(pieces)
}

/// Reads `NAME%`, `NAME(ARGUMENT)%` or `NAME(ARGUMENT):LENGTH%`; `at` is where the
/// percent sign before it stands.
fn operator(at: usize, text: &str) -> Result<(Operator, &str), FormatError> {
    let error = |reason: &str| Err(FormatError::new(at, reason));
    let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let name_len = text.bytes().take_while(|b| is_name(*b)).count();
    let (name, mut rest) = text.split_at(name_len);
    if name.is_empty() {
        return error("an operator was expected; %% stands for a percent sign");
    }
    let mut argument = None;
    if let Some(inner) = rest.strip_prefix('(') {
        let Some((len, behind)) = closing_bracket(inner) else {
            return error("no )% ends the operator");
        };
        argument = inner.get(..len);
        rest = behind;
    }
    let mut max_chars = None;
    if let Some(length) = rest.strip_prefix(':') {
        let digits = length.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, behind) = length.split_at(digits);
        max_chars = match digits.parse() {
            Ok(length) => Some(length),
            Err(_) => return error("a length was expected behind the colon"),
        };
        rest = behind;
    }
    match rest.strip_prefix('%') {
        Some(behind) => Ok((Operator::new(at, name, argument, max_chars)?, behind)),
        None => error("no percent sign ends the operator"),
    }
}

/// Where the bracket closes: at the first behind which the operator may end, since
/// an argument may hold brackets and percent signs itself. Also what follows it.
fn closing_bracket(text: &str) -> Option<(usize, &str)> {
    text.match_indices(')').find_map(|(at, bracket)| {
        let behind = text.get(at + bracket.len()..)?;
        let length = behind.strip_prefix(':');
        let end = length.map_or(behind, |l| {
            l.trim_start_matches(|c: char| c.is_ascii_digit())
        });
        end.starts_with('%').then_some((at, behind))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(format: &str) -> String {
        pieces(format).expect_err(format).to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let cases = [
            (
                "%",
                "at byte 0: an operator was expected; %% stands for a percent sign",
            ),
            (
                "ü %foo%",
                "at byte 3: an operator was expected; %% stands for a percent sign",
            ),
            ("%DURATION", "at byte 0: no percent sign ends the operator"),
            ("%REQ(a%", "at byte 0: no )% ends the operator"),
            (
                "%REQ(a):%",
                "at byte 0: a length was expected behind the colon",
            ),
            ("%REQ%", "at byte 0: REQ needs a key: REQ(KEY)"),
            (
                "%REQ(a?b?c)%",
                "at byte 0: \"a?b?c\" is neither a key nor two of the form X?Y",
            ),
            (
                "%REQ(?b)%",
                "at byte 0: \"?b\" is neither a key nor two of the form X?Y",
            ),
            (
                "%DURATION(a)%",
                "at byte 0: DURATION takes nothing in brackets",
            ),
            ("%DURATION:3%", "at byte 0: DURATION takes no length"),
            ("%%%FOO(a)%", "at byte 2: unknown operator FOO"),
        ];
        for (format, expected) in cases {
            assert_eq!(problem(format), expected, "{format}");
        }
        assert!(problem("%START_TIME(%!)%").starts_with("at byte 0: time format \"%!\": "));
    }

    #[test]
    fn arguments_may_hold_brackets_and_percent_signs() {
        for (format, count) in [
            ("", 0),
            ("%%", 1),
            ("a%START_TIME(%H:%M)%b", 3),
            ("%REQ(a(b)c):10%%RESP(:path?x)%", 2),
        ] {
            assert_eq!(pieces(format).expect(format).len(), count, "{format}");
        }
    }

    proptest! {
        #[test]
        fn no_format_panics(format in ".{0,40}", bits in "[%A-Z():0-9?a-z]{0,30}") {
            let _ = pieces(&format);
            let _ = pieces(&bits);
        }

        #[test]
        fn text_comes_back(text in any::<String>()) {
            let pieces = pieces(&text.replace('%', "%%")).expect("no operator");
            let joined: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => &**text,
                    Piece::Operator(_) => "an operator",
                })
                .collect();
            prop_assert_eq!(joined, text);
        }
    }
}
