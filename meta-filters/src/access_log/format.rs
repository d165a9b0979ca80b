//! Formats: parsed once, rendered for every line.

use serde_json::{Map, Value as Json};

use super::{
    config::{AccessLogConfig, LogFormat},
    error::{AccessLogError, FormatError},
};

mod json;
mod operator;
mod parse;
mod text;
mod time;
mod value;

pub(super) use value::{Context, is_error};

use json::Node;
use text::Line;
use time::TimeCache;

/// What a line says where no format is given.
pub const DEFAULT_FORMAT: &str = concat!(
    "[%START_TIME%] %PROTOCOL% \"%OPERATION%\" %RESPONSE_CODE% %RESPONSE_FLAGS% ",
    "%RESPONSE_CODE_DETAILS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" ",
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% \"%REQ(X-REQUEST-ID)%\" ",
    "%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% ",
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n",
);

/// What a line is rendered with longer than this is given back to the allocator.
const KEEP_BYTES: usize = 16 << 10;

/// What every line says.
#[derive(Debug)]
pub(super) struct Format {
    body: Body,
    omit_empty: bool,
}

#[derive(Debug)]
enum Body {
    Text(Line),
    Json { root: Node, typed: bool },
}

/// What rendering needs and the next line needs again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    line: Vec<u8>,
    /// A string that becomes JSON.
    text: Vec<u8>,
    times: TimeCache,
}

impl Scratch {
    /// Gives back what an unusually long line took.
    pub(super) fn shrink(&mut self) {
        for bytes in [&mut self.line, &mut self.text] {
            if bytes.capacity() > KEEP_BYTES {
                *bytes = Vec::new();
            }
        }
    }
}

impl Format {
    pub(super) fn new(config: &AccessLogConfig) -> Result<Self, AccessLogError> {
        let body = match &config.format {
            LogFormat::Default => text_body(DEFAULT_FORMAT)?,
            LogFormat::Text(text) => text_body(text)?,
            LogFormat::Json(fields) => json_body(fields, true)?,
            LogFormat::JsonStrings(fields) => json_body(fields, false)?,
        };
        Ok(Self {
            body,
            omit_empty: config.omit_empty_values,
        })
    }

    /// The line of one request, its end included.
    pub(super) fn render<'s>(&self, context: &Context<'_>, scratch: &'s mut Scratch) -> &'s [u8] {
        let Scratch { line, text, times } = scratch;
        line.clear();
        match &self.body {
            Body::Text(body) => body.render(context, self.omit_empty, line, times),
            Body::Json { root, typed } => {
                let style = json::Style {
                    typed: *typed,
                    omit_empty: self.omit_empty,
                };
                root.render(context, style, line, text, times);
            }
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        line
    }
}

/// The names of the operators that are told nothing.
#[cfg(test)]
pub(super) fn operator_names() -> &'static [&'static str] {
    operator::Plain::NAMES
}

fn text_body(text: &str) -> Result<Body, AccessLogError> {
    let line = Line::parse(text).map_err(|source| in_place("text format".to_owned(), source))?;
    Ok(Body::Text(line))
}

fn json_body(fields: &Map<String, Json>, typed: bool) -> Result<Body, AccessLogError> {
    let root = Node::object("json format:", fields)?;
    Ok(Body::Json { root, typed })
}

fn in_place(place: String, source: FormatError) -> AccessLogError {
    AccessLogError::Format { place, source }
}
