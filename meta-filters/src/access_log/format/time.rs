//! Points in time, in UTC.

use std::time::SystemTime;

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};

/// `2026-11-21T03:47:25.123Z`.
const DEFAULT: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

/// How `%START_TIME%` is written.
#[derive(Debug)]
pub(super) struct TimeFormat {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// What does not change within a second.
    Second(String),
    /// So many digits of the second's fraction.
    Fraction(usize),
}

/// What was written last: a busy log has many lines a second.
#[derive(Debug, Default)]
pub(super) struct TimeCache(Vec<Written>);

#[derive(Debug)]
struct Written {
    /// Where the format is: formats neither move nor change.
    format: usize,
    second: i64,
    text: String,
}

impl TimeFormat {
    /// Reads a format as of strftime; `%f` is the second's fraction in nanoseconds,
    /// `%3f` in milliseconds, and so on. The empty format is the default.
    pub(super) fn parse(format: &str) -> Result<Self, String> {
        let mut rest = if format.is_empty() { DEFAULT } else { format };
        let mut pieces = Vec::new();
        let mut second = String::new();
        while let Some((before, behind)) = rest.split_once('%') {
            second.push_str(before);
            let dotted = behind.strip_prefix('.').and_then(fraction);
            match dotted.or_else(|| fraction(behind)) {
                Some((digits, behind)) => {
                    if dotted.is_some() {
                        second.push('.');
                    }
                    push(&mut pieces, std::mem::take(&mut second))?;
                    pieces.push(Piece::Fraction(digits));
                    rest = behind;
                }
                None => {
                    // The conversion itself may be a percent sign.
                    let len = behind.chars().next().map_or(0, char::len_utf8);
                    let (conversion, behind) = behind.split_at(len);
                    second.push('%');
                    second.push_str(conversion);
                    rest = behind;
                }
            }
        }
        second.push_str(rest);
        push(&mut pieces, second)?;
        Ok(Self { pieces })
    }

    pub(super) fn render(&self, time: SystemTime, out: &mut Vec<u8>, cache: &mut TimeCache) {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
        let since_epoch = since_epoch.unwrap_or_default();
        let second = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Second(format) => cache.render(second, format, out),
                Piece::Fraction(digits) => {
                    let mut rest = since_epoch.subsec_nanos();
                    let mut unit = 100_000_000;
                    for _ in 0..*digits {
                        out.push(b'0' + (rest / unit) as u8);
                        rest %= unit;
                        unit = (unit / 10).max(1);
                    }
                }
            }
        }
    }
}

/// `f`, or a digit and `f`, and `N` for `f`: how many digits, and what follows.
fn fraction(text: &str) -> Option<(usize, &str)> {
    if let Some(behind) = text.strip_prefix(['f', 'N']) {
        return Some((9, behind));
    }
    let digits = text.chars().next()?.to_digit(10).filter(|n| *n > 0)?;
    let behind = text.get(1..)?.strip_prefix(['f', 'N'])?;
    Some((digits as usize, behind))
}

fn push(pieces: &mut Vec<Piece>, format: String) -> Result<(), String> {
    if format.is_empty() {
        return Ok(());
    }
    // Whether it can be written at all shows at once.
    let text = write(0, &format).map_err(|error| format!("time format {format:?}: {error}"))?;
    pieces.push(match format.contains('%') {
        true => Piece::Second(format),
        false => Piece::Text(text),
    });
    Ok(())
}

fn write(second: i64, format: &str) -> Result<String, jiff::Error> {
    let time = Timestamp::from_second(second)?.to_zoned(TimeZone::UTC);
    strtime::format(format, &time)
}

impl TimeCache {
    fn render(&mut self, second: i64, format: &str, out: &mut Vec<u8>) {
        let address = format.as_ptr().addr();
        let known = self.0.iter().position(|w| w.format == address);
        let index = known.unwrap_or_else(|| {
            self.0.push(Written {
                format: address,
                second: i64::MIN,
                text: String::new(),
            });
            self.0.len() - 1
        });
        let Some(written) = self.0.get_mut(index) else {
            return;
        };
        if written.second != second {
            written.second = second;
            written.text = write(second, format).unwrap_or_else(|_| "-".to_owned());
        }
        out.extend_from_slice(written.text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(format: &str, time: Duration) -> String {
        let format = TimeFormat::parse(format).expect("a format");
        let (mut out, mut cache) = (Vec::new(), TimeCache::default());
        for _ in 0..2 {
            out.clear();
            format.render(SystemTime::UNIX_EPOCH + time, &mut out, &mut cache);
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn formats_are_those_of_envoy() {
        let time = Duration::new(1_522_796_769, 123_456_789);
        let cases = [
            ("", "2018-04-03T23:06:09.123Z"),
            ("%Y/%m/%dT%H:%M:%S%z", "2018/04/03T23:06:09+0000"),
            (
                "%Y/%m/%dT%H:%M:%S%z %s",
                "2018/04/03T23:06:09+0000 1522796769",
            ),
            ("%s.%3f", "1522796769.123"),
            ("%s.%6f", "1522796769.123456"),
            ("%s.%9f %f", "1522796769.123456789 123456789"),
            ("%H%.3f%%f", "23.123%f"),
            ("no time", "no time"),
            ("%b %e", "Apr  3"),
        ];
        for (format, expected) in cases {
            assert_eq!(at(format, time), expected, "{format}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for format in ["%", "%S%", "%E3S", "%!"] {
            let error = TimeFormat::parse(format).expect_err(format);
            assert!(error.starts_with("time format \"%"), "{error}");
        }
    }

    #[test]
    fn each_second_is_written_anew() {
        let format = TimeFormat::parse("%S").expect("a format");
        let mut cache = TimeCache::default();
        for second in [1, 1, 2, 1] {
            let mut out = Vec::new();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            format.render(time, &mut out, &mut cache);
            assert_eq!(out, format!("0{second}").into_bytes());
        }
    }
}
