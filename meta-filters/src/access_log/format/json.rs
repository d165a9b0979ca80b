//! Lines of JSON.

use serde_json::{Map, Value as Json};

use super::{
    super::error::AccessLogError,
    in_place,
    operator::Operator,
    parse::Piece,
    text::{self, Line},
    time::TimeCache,
    value::{Context, Value},
};

/// A JSON value with operators in its strings.
#[derive(Debug)]
pub(super) enum Node {
    /// Each key as it is written, colon and all.
    Object(Vec<(Vec<u8>, Node)>),
    Array(Vec<Node>),
    /// What never changes.
    Constant(Vec<u8>),
    /// One operator and nothing else.
    Operator(Operator),
    Text(Line),
}

/// How missing values and numbers are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) typed: bool,
    pub(super) omit_empty: bool,
}

impl Node {
    /// An object; `place` names it in errors.
    pub(super) fn object(place: &str, fields: &Map<String, Json>) -> Result<Self, AccessLogError> {
        let field = |(name, value): (&String, &Json)| {
            let separator = if place.ends_with(':') { ' ' } else { '.' };
            let node = Self::new(&format!("{place}{separator}{name}"), value)?;
            let mut key = json(&Json::from(name.as_str()));
            key.push(b':');
            Ok((key, node))
        };
        let fields = fields.iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self::Object(fields))
    }

    fn new(place: &str, value: &Json) -> Result<Self, AccessLogError> {
        Ok(match value {
            Json::Object(fields) => Self::object(place, fields)?,
            Json::Array(values) => {
                let element = |(n, value)| Self::new(&format!("{place}[{n}]"), value);
                Self::Array(
                    values
                        .iter()
                        .enumerate()
                        .map(element)
                        .collect::<Result<_, _>>()?,
                )
            }
            Json::String(text) => {
                let line = Line::parse(text).map_err(|error| in_place(place.to_owned(), error))?;
                Self::from_line(line)
            }
            constant => Self::Constant(json(constant)),
        })
    }

    fn from_line(line: Line) -> Self {
        let mut pieces = line.into_pieces();
        match (pieces.pop(), pieces.is_empty()) {
            (Some(Piece::Operator(operator)), true) => Self::Operator(operator),
            (Some(Piece::Text(text)), true) => Self::Constant(json(&Json::from(&*text))),
            (None, _) => Self::Constant(b"\"\"".to_vec()),
            (Some(last), false) => {
                pieces.push(last);
                Self::Text(Line::from_pieces(pieces))
            }
        }
    }

    /// Writes it to `out`; `scratch` is for strings before they are written.
    pub(super) fn render(
        &self,
        context: &Context<'_>,
        style: Style,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
        times: &mut TimeCache,
    ) {
        match self {
            Self::Object(fields) => {
                out.push(b'{');
                let begin = out.len();
                for (key, node) in fields {
                    if style.omit_empty && node.is_missing(context) {
                        continue;
                    }
                    if out.len() > begin {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    node.render(context, style, out, scratch, times);
                }
                out.push(b'}');
            }
            Self::Array(nodes) => {
                out.push(b'[');
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    node.render(context, style, out, scratch, times);
                }
                out.push(b']');
            }
            Self::Constant(text) => out.extend_from_slice(text),
            Self::Operator(operator) => {
                let value = context.value(operator);
                put(&value, style, out, scratch, times);
            }
            Self::Text(line) => {
                scratch.clear();
                line.render_raw(context, style.omit_empty, scratch, times);
                put_string(scratch, out);
            }
        }
    }

    fn is_missing(&self, context: &Context<'_>) -> bool {
        match self {
            Self::Operator(operator) => matches!(context.value(operator), Value::Missing),
            _ => false,
        }
    }
}

/// Writes the value of a string that is one operator.
fn put(
    value: &Value<'_>,
    style: Style,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    times: &mut TimeCache,
) {
    match value {
        Value::Missing if style.typed => out.extend_from_slice(b"null"),
        Value::Number(_) if style.typed => text::put(value, out, times),
        value => {
            scratch.clear();
            text::put(value, scratch, times);
            put_string(scratch, out);
        }
    }
}

/// Writes a JSON string.
fn put_string(text: &[u8], out: &mut Vec<u8>) {
    // Everything that is put together here is UTF-8, and borrowed so.
    let text = String::from_utf8_lossy(text);
    // Writing to a vector does not fail.
    let _ = serde_json::to_writer(out, &*text);
}

fn json(value: &Json) -> Vec<u8> {
    value.to_string().into_bytes()
}
