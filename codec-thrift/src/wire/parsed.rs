//! Messages read by hand.

use std::borrow::Cow;

use super::{
    field::{Value, take_compact_field, take_field},
    json,
};
use crate::{
    detect::{Detected, Family, detect},
    form::{Form, Protocol, Transport},
    head::{Head, MessageType},
    theader, ttheader,
};

/// What [`Parsed::read`] finds in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The form it is in.
    pub form: Form,
    /// What it is.
    pub kind: MessageType,
    /// The name of its method, with the service's of a multiplexed call.
    pub name: String,
    /// Its sequence id.
    pub seqid: i32,
    /// The id in the header of THeader and TTHeader.
    pub header_id: Option<i32>,
    info: Vec<(String, String)>,
    int_info: Vec<(u16, String)>,
    fields: Vec<(i16, Value)>,
}

/// A message, and what stands around it.
#[derive(Debug, Default)]
pub(crate) struct Opened<'a> {
    pub(crate) header_id: Option<i32>,
    pub(crate) info: Vec<(String, String)>,
    pub(crate) int_info: Vec<(u16, String)>,
    pub(crate) message: Cow<'a, [u8]>,
}

impl<'a> Opened<'a> {
    fn plain(message: &'a [u8]) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }
}

impl Parsed {
    /// Reads a whole message. Fields behind one that is neither a string nor a
    /// 32-bit number are not seen.
    ///
    /// `None` for what is not a message in one of the forms of this codec.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let Ok(Detected::Family(family)) = detect(bytes, bytes.len()) else {
            return None;
        };
        let (transport, opened) = match family {
            Family::Unframed => (Transport::Unframed, Opened::plain(bytes)),
            Family::Framed => (Transport::Framed, Opened::plain(bytes.get(4..)?)),
            Family::Header => (Transport::Header, theader::wire::open(bytes)?),
            Family::TtHeader => ttheader::wire::open(bytes)?,
        };
        let message = &*opened.message;
        let form = Form::new(transport, Protocol::of(*message.first_chunk()?)?);
        let head = Head::parse(message, 0, form, message.len()).ok()?.ok()?;
        let name = head.name_in(message);
        let body = message.get(head.body_at..)?;
        let fields = match form.protocol {
            Protocol::Json => json::fields(body),
            protocol => fields(body, protocol),
        };
        Some(Self {
            form,
            kind: head.kind,
            name: String::from_utf8_lossy(&name).into_owned(),
            seqid: head.id as i32,
            header_id: opened.header_id,
            fields,
            info: opened.info,
            int_info: opened.int_info,
        })
    }

    /// The info header `key`, the last of several.
    pub fn info(&self, key: &str) -> Option<&str> {
        let mut pairs = self.info.iter().rev();
        let found = pairs.find(|(other, _)| other == key)?;
        Some(&found.1)
    }

    /// The info header under a number, in TTHeader; the last of several.
    pub fn int_info(&self, key: u16) -> Option<&str> {
        let mut pairs = self.int_info.iter().rev();
        let found = pairs.find(|(other, _)| *other == key)?;
        Some(&found.1)
    }

    /// The field `id`, where it is a string.
    pub fn string(&self, id: i16) -> Option<&str> {
        self.fields.iter().find_map(|(n, value)| match value {
            Value::String(text) if *n == id => Some(text.as_str()),
            _ => None,
        })
    }

    /// The field `id`, where it is a 32-bit number.
    pub fn int(&self, id: i16) -> Option<i32> {
        self.fields.iter().find_map(|(n, value)| match value {
            Value::Int(number) if *n == id => Some(*number),
            _ => None,
        })
    }

    /// The type and the message of a `TApplicationException`.
    pub fn exception(&self) -> Option<(i32, &str)> {
        match self.kind {
            MessageType::Exception => Some((self.int(2)?, self.string(1)?)),
            _ => None,
        }
    }
}

fn fields(mut rest: &[u8], protocol: Protocol) -> Vec<(i16, Value)> {
    let mut fields = Vec::new();
    let mut last = 0;
    while let Some(field) = match protocol {
        Protocol::Compact => take_compact_field(&mut rest, last),
        _ => take_field(&mut rest),
    } {
        last = field.0;
        fields.push(field);
    }
    fields
}
