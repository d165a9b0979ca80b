//! Thrift messages built and read by hand, for tests, tools and examples.
//!
//! Strings and 32-bit numbers are all that fields can be here.
//!
//! ```
//! use codec_thrift::wire::{Form, MessageBuilder, MessageType, Parsed, Protocol, Transport};
//!
//! let form = Form::new(Transport::Framed, Protocol::Binary);
//! let call = MessageBuilder::call(form, "sayHello").seqid(7).string(1, "world").build();
//! let call = Parsed::read(&call).expect("a whole message");
//! assert_eq!((call.kind, call.name.as_str(), call.seqid), (MessageType::Call, "sayHello", 7));
//! assert_eq!(call.string(1), Some("world"));
//! ```

use crate::{
    form::{Detected, detect},
    head::{Head, put_varint, varint},
};
pub use crate::{
    form::{Form, Protocol, Transport},
    head::MessageType,
};

/// Builds one message.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    form: Form,
    kind: MessageType,
    name: String,
    seqid: i32,
    fields: Vec<(i16, Value)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    String(String),
    Int(i32),
}

impl MessageBuilder {
    /// A message without fields, of sequence id 0.
    pub fn new(form: Form, kind: MessageType, name: impl Into<String>) -> Self {
        Self {
            form,
            kind,
            name: name.into(),
            seqid: 0,
            fields: Vec::new(),
        }
    }

    /// A call of the method `name`, or `service:method` of a multiplexed server.
    pub fn call(form: Form, name: impl Into<String>) -> Self {
        Self::new(form, MessageType::Call, name)
    }

    /// The reply to a call; its result is field 0.
    pub fn reply(form: Form, name: impl Into<String>) -> Self {
        Self::new(form, MessageType::Reply, name)
    }

    /// The sequence id.
    #[must_use]
    pub fn seqid(mut self, seqid: i32) -> Self {
        self.seqid = seqid;
        self
    }

    /// Adds a field that is a string.
    #[must_use]
    pub fn string(mut self, id: i16, value: &str) -> Self {
        self.fields.push((id, Value::String(value.to_owned())));
        self
    }

    /// Adds a field that is a 32-bit number.
    #[must_use]
    pub fn int(mut self, id: i16, value: i32) -> Self {
        self.fields.push((id, Value::Int(value)));
        self
    }

    /// The message's bytes.
    ///
    /// # Panics
    ///
    /// If a string is, or all are, longer than 4 GiB.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.form.transport == Transport::Framed {
            out.extend([0; 4]);
        }
        let kind = self.kind as u8;
        match self.form.protocol {
            Protocol::Binary => {
                out.extend([0x80, 0x01, 0, kind]);
                put_string(&mut out, &self.name);
                out.extend(self.seqid.to_be_bytes());
            }
            Protocol::OldBinary => {
                put_string(&mut out, &self.name);
                out.push(kind);
                out.extend(self.seqid.to_be_bytes());
            }
            Protocol::Compact => {
                out.extend([0x82, kind << 5 | 1]);
                put_varint(self.seqid as u32, |byte| out.push(byte));
                put_compact_string(&mut out, &self.name);
            }
        }
        let mut last = 0;
        for (id, value) in &self.fields {
            match self.form.protocol {
                Protocol::Compact => put_compact_field(&mut out, last, *id, value),
                _ => put_field(&mut out, *id, value),
            }
            last = *id;
        }
        out.push(0);
        if self.form.transport == Transport::Framed {
            let length = length_of(out.len() - 4);
            out.splice(..4, length.to_be_bytes());
        }
        out
    }
}

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
    fields: Vec<(i16, Value)>,
}

impl Parsed {
    /// Reads a whole message. Fields behind one that is neither a string nor a
    /// 32-bit number are not seen.
    ///
    /// `None` for what is not a message in one of the forms of this codec.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let Ok(Detected::Transport(transport)) = detect(bytes, bytes.len()) else {
            return None;
        };
        let begin = bytes.get(transport.head_bytes()..)?.first_chunk()?;
        let form = Form::new(transport, Protocol::of(*begin)?);
        let head = Head::parse(bytes, form, bytes.len()).ok()?.ok()?;
        let name = bytes.get(head.name.clone())?;
        let mut rest = bytes.get(head.body_at..)?;
        let mut fields = Vec::new();
        let mut last = 0;
        while let Some(field) = match form.protocol {
            Protocol::Compact => take_compact_field(&mut rest, last),
            _ => take_field(&mut rest),
        } {
            last = field.0;
            fields.push(field);
        }
        Some(Self {
            form,
            kind: head.kind,
            name: String::from_utf8_lossy(name).into_owned(),
            seqid: head.id as i32,
            fields,
        })
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

fn put_field(out: &mut Vec<u8>, id: i16, value: &Value) {
    match value {
        Value::String(text) => {
            out.push(11);
            out.extend(id.to_be_bytes());
            put_string(out, text);
        }
        Value::Int(number) => {
            out.push(8);
            out.extend(id.to_be_bytes());
            out.extend(number.to_be_bytes());
        }
    }
}

fn put_compact_field(out: &mut Vec<u8>, last: i16, id: i16, value: &Value) {
    let kind = match value {
        Value::String(_) => 8,
        Value::Int(_) => 5,
    };
    match u8::try_from(i32::from(id) - i32::from(last)) {
        Ok(step @ 1..=15) => out.push(step << 4 | kind),
        _ => {
            out.push(kind);
            put_varint(zigzag(id.into()), |byte| out.push(byte));
        }
    }
    match value {
        Value::String(text) => put_compact_string(out, text),
        Value::Int(number) => put_varint(zigzag(*number), |byte| out.push(byte)),
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend(length_of(text.len()).to_be_bytes());
    out.extend(text.as_bytes());
}

fn put_compact_string(out: &mut Vec<u8>, text: &str) {
    put_varint(length_of(text.len()), |byte| out.push(byte));
    out.extend(text.as_bytes());
}

fn take_field(rest: &mut &[u8]) -> Option<(i16, Value)> {
    let [kind, i0, i1] = *take(rest)?;
    let id = i16::from_be_bytes([i0, i1]);
    let number = u32::from_be_bytes(*take(rest)?);
    match kind {
        8 => Some((id, Value::Int(number as i32))),
        11 => Some((id, take_string(rest, number.into())?)),
        _ => None,
    }
}

fn take_compact_field(rest: &mut &[u8], last: i16) -> Option<(i16, Value)> {
    let [begin] = *take(rest)?;
    let id = match begin >> 4 {
        0 => i16::try_from(unzigzag(take_varint(rest)?)).ok()?,
        step => last.checked_add(step.into())?,
    };
    match begin & 0x0f {
        5 => Some((id, Value::Int(unzigzag(take_varint(rest)?)))),
        8 => {
            let length = take_varint(rest)?;
            Some((id, take_string(rest, length)?))
        }
        _ => None,
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (value, width) = varint(rest, 0).ok()??;
    *rest = rest.get(width..)?;
    Some(value)
}

fn take_string(rest: &mut &[u8], length: u64) -> Option<Value> {
    let (text, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = behind;
    Some(Value::String(String::from_utf8_lossy(text).into_owned()))
}

fn zigzag(number: i32) -> u32 {
    (number << 1 ^ number >> 31) as u32
}

fn unzigzag(number: u64) -> i32 {
    let number = number as u32;
    (number >> 1) as i32 ^ -((number & 1) as i32)
}

fn length_of(length: usize) -> u32 {
    u32::try_from(length).expect("a length fits 32 bits")
}
