//! Messages in the JSON protocol.

use super::field::Value;
use crate::{
    head::MessageType,
    json::{Reader, name_of, put_number, put_string},
};

pub(super) fn put_message(
    out: &mut Vec<u8>,
    kind: MessageType,
    name: &str,
    seqid: i32,
    fields: &[(i16, Value)],
) {
    out.extend(b"[1,");
    put_string(out, name);
    out.extend([b',', b'0' + kind as u8, b',']);
    put_number(seqid, |byte| out.push(byte));
    out.extend(b",{");
    for (n, (id, value)) in fields.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        put_string(out, &id.to_string());
        match value {
            Value::String(text) => {
                out.extend(b":{\"str\":");
                put_string(out, text);
            }
            Value::Int(number) => {
                out.extend(b":{\"i32\":");
                put_number(*number, |byte| out.push(byte));
            }
        }
        out.push(b'}');
    }
    out.extend(b"}]");
}

/// The fields of a body, as far as they are strings and 32-bit numbers.
pub(super) fn fields(body: &[u8]) -> Vec<(i16, Value)> {
    let mut reader = Reader { src: body, at: 0 };
    let mut fields = Vec::new();
    let mut before = b'{';
    while let Some(field) = field(&mut reader, before) {
        fields.push(field);
        before = b',';
    }
    fields
}

/// `"id":{"type":value}`, behind `before`
fn field(reader: &mut Reader<'_>, before: u8) -> Option<(i16, Value)> {
    reader.expect(before).ok()?;
    let id = text(reader)?.parse().ok()?;
    reader.expect(b':').ok()?;
    reader.expect(b'{').ok()?;
    let kind = text(reader)?;
    reader.expect(b':').ok()?;
    let value = match &*kind {
        "str" => Value::String(text(reader)?),
        "i32" => Value::Int(reader.number().ok()?.0.try_into().ok()?),
        _ => return None,
    };
    reader.expect(b'}').ok()?;
    Some((id, value))
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    let range = reader.string().ok()?;
    let text = name_of(reader.src.get(range)?);
    Some(String::from_utf8_lossy(&text).into_owned())
}
