//! Messages built by hand.

use super::{
    field::{Value, length_of, put_compact_field, put_compact_string, put_field, put_string},
    json,
};
use crate::{
    form::{Form, Protocol, Transport},
    head::{MessageType, put_varint},
    theader, ttheader,
};

/// Builds one message.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    form: Form,
    kind: MessageType,
    name: String,
    seqid: i32,
    header_id: Option<i32>,
    info: Vec<(String, String)>,
    int_info: Vec<(u16, String)>,
    zlib: bool,
    fields: Vec<(i16, Value)>,
}

impl MessageBuilder {
    /// A message without fields, of sequence id 0.
    pub fn new(form: Form, kind: MessageType, name: impl Into<String>) -> Self {
        Self {
            form,
            kind,
            name: name.into(),
            seqid: 0,
            header_id: None,
            info: Vec::new(),
            int_info: Vec::new(),
            zlib: false,
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

    /// The id in the header of THeader and TTHeader. The sequence id unless said.
    #[must_use]
    pub fn header_id(mut self, id: i32) -> Self {
        self.header_id = Some(id);
        self
    }

    /// Adds an info header, where the transport has them.
    #[must_use]
    pub fn info(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.info.push((key.into(), value.into()));
        self
    }

    /// Adds an info header under a number, in TTHeader.
    #[must_use]
    pub fn int_info(mut self, key: u16, value: impl Into<String>) -> Self {
        self.int_info.push((key, value.into()));
        self
    }

    /// Compresses the message, in THeader.
    #[must_use]
    pub fn zlib(mut self) -> Self {
        self.zlib = true;
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
    /// If a string is, or all are, longer than 4 GiB, or info headers do not fit.
    pub fn build(&self) -> Vec<u8> {
        let message = self.message();
        match self.form.transport {
            Transport::Unframed => message,
            Transport::Framed => with_length(&message),
            Transport::Header => theader::wire::Frame {
                protocol: self.form.protocol,
                id: self.header_id.unwrap_or(self.seqid),
                info: &self.info,
                zlib: self.zlib,
                message: &message,
            }
            .bytes(),
            Transport::TtHeader { framed, mux } => ttheader::wire::Frame {
                framed,
                mux,
                id: self.header_id.unwrap_or(self.seqid),
                info: &self.info,
                int_info: &self.int_info,
                message: &message,
            }
            .bytes(),
        }
    }

    /// The message without what stands around it.
    fn message(&self) -> Vec<u8> {
        let mut out = Vec::new();
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
            Protocol::Json => {
                json::put_message(&mut out, self.kind, &self.name, self.seqid, &self.fields);
                return out;
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
        out
    }
}

/// `message` behind its length.
fn with_length(message: &[u8]) -> Vec<u8> {
    let mut out = length_of(message.len()).to_be_bytes().to_vec();
    out.extend(message);
    out
}
