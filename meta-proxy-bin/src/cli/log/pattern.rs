//! Lines of the log in a form of the operator's choice.

use std::{fmt, process, str::FromStr, thread};

use jiff::Zoned;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    registry::LookupSpan,
};

/// What a line says: text, and flags that begin with `%` as spdlog has them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// Part of the time, as `strftime` has it.
    Time(&'static str),
    /// Milli-, micro- or nanoseconds: the digits.
    Fraction(usize),
    Level,
    LevelLetter,
    Module,
    Message,
    /// The message, fit for a JSON string.
    Escaped,
    File,
    Line,
    Thread,
    Process,
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                rest.push(character);
                continue;
            }
            let piece = match characters.next() {
                Some('%') => {
                    rest.push('%');
                    continue;
                }
                Some('Y') => Piece::Time("%Y"),
                Some('m') => Piece::Time("%m"),
                Some('d') => Piece::Time("%d"),
                Some('H') => Piece::Time("%H"),
                Some('M') => Piece::Time("%M"),
                Some('S') => Piece::Time("%S"),
                Some('T' | 'X') => Piece::Time("%H:%M:%S"),
                Some('D') => Piece::Time("%m/%d/%y"),
                Some('z') => Piece::Time("%:z"),
                Some('E') => Piece::Time("%s"),
                Some('e') => Piece::Fraction(3),
                Some('f') => Piece::Fraction(6),
                Some('F') => Piece::Fraction(9),
                Some('l') => Piece::Level,
                Some('L') => Piece::LevelLetter,
                Some('n') => Piece::Module,
                Some('v') => Piece::Message,
                Some('_' | 'j') => Piece::Escaped,
                Some('g' | 's') => Piece::File,
                Some('#') => Piece::Line,
                Some('t') => Piece::Thread,
                Some('P') => Piece::Process,
                // Where colours begin and end.
                Some('^' | '$') => continue,
                Some(other) => return Err(format!("unknown flag %{other}")),
                None => return Err("a % without a flag at its end".to_owned()),
            };
            if !rest.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut rest)));
            }
            pieces.push(piece);
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        Ok(Self(pieces))
    }
}

impl<S> FormatEvent<S, DefaultFields> for Pattern
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, DefaultFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = String::new();
        context.format_fields(Writer::new(&mut message), event)?;
        let metadata = event.metadata();
        let now = Zoned::now();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => writer.write_str(text)?,
                Piece::Time(format) => write!(writer, "{}", now.strftime(format))?,
                Piece::Fraction(digits) => {
                    let nanos = format!("{:09}", now.subsec_nanosecond());
                    writer.write_str(nanos.get(..*digits).unwrap_or_default())?;
                }
                Piece::Level => writer.write_str(level(metadata.level()))?,
                Piece::LevelLetter => {
                    let letter = level(metadata.level()).get(..1).unwrap_or_default();
                    writer.write_str(&letter.to_ascii_uppercase())?;
                }
                Piece::Module => writer.write_str(metadata.target())?,
                Piece::Message => writer.write_str(&message)?,
                Piece::Escaped => {
                    let quoted = serde_json::Value::from(&*message).to_string();
                    writer.write_str(
                        quoted
                            .get(1..quoted.len().saturating_sub(1))
                            .unwrap_or_default(),
                    )?;
                }
                Piece::File => writer.write_str(metadata.file().unwrap_or_default())?,
                Piece::Line => write!(writer, "{}", metadata.line().unwrap_or_default())?,
                Piece::Thread => {
                    let thread = thread::current();
                    writer.write_str(thread.name().unwrap_or("main"))?;
                }
                Piece::Process => write!(writer, "{}", process::id())?,
            }
        }
        writeln!(writer)
    }
}

fn level(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_text() {
        let pattern: Pattern = "%Y %l: %v%%".parse().expect("all are known");
        let Pattern(pieces) = pattern;
        assert_eq!(
            pieces,
            [
                Piece::Time("%Y"),
                Piece::Text(" ".into()),
                Piece::Level,
                Piece::Text(": ".into()),
                Piece::Message,
                Piece::Text("%".into()),
            ]
        );
        let istio = "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t";
        istio.parse::<Pattern>().expect("all are known");
    }

    #[test]
    fn what_is_unknown_is_named() {
        let error = "%q".parse::<Pattern>().expect_err("no such flag");
        assert!(error.contains("%q"), "{error}");
        "100%".parse::<Pattern>().expect_err("no flag at all");
    }
}
