//! Bodies, written in either serialization.

use super::{Serialization, Value};
use crate::{hessian, jsonb};

/// Writes a body, value by value. Serializations that are not read are written
/// as hessian2.
#[derive(Clone, Debug)]
pub struct Writer {
    serialization: Serialization,
    out: Vec<u8>,
    /// The classes that were defined.
    classes: Vec<(String, usize)>,
}

impl Writer {
    /// An empty body.
    pub fn new(serialization: Serialization) -> Self {
        Self {
            serialization,
            out: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// The body's bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.framed(|writer| writer.put_string(text));
    }

    /// Writes a string, or null.
    pub fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.value(&Value::Null),
        }
    }

    /// Writes a value.
    pub fn value(&mut self, value: &Value) {
        self.framed(|writer| writer.put(value));
    }

    /// Writes a response's kind.
    pub(super) fn kind(&mut self, kind: u8) {
        match self.serialization {
            Serialization::Fastjson2 => self.raw(&[0, 0, 0, 2, 0xbd, kind]),
            _ => self.raw(&[0x90 + kind]),
        }
    }

    /// Writes attachments.
    pub fn attachments(&mut self, attachments: &[(String, Value)]) {
        let pairs = attachments.iter().cloned();
        let pairs = pairs.map(|(key, value)| (Value::String(key), value));
        self.value(&Value::Map(pairs.collect()));
    }

    fn is_jsonb(&self) -> bool {
        self.serialization == Serialization::Fastjson2
    }

    /// fastjson2 writes each value behind its length.
    fn framed(&mut self, write: impl FnOnce(&mut Self)) {
        if !self.is_jsonb() {
            return write(self);
        }
        let start = self.out.len();
        self.out.extend([0; 4]);
        write(self);
        let length = u32::try_from(self.out.len() - start - 4).unwrap_or(u32::MAX);
        if let Some(room) = self.out.get_mut(start..start + 4) {
            room.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn put_string(&mut self, text: &str) {
        match self.is_jsonb() {
            true => jsonb::write::put_string(&mut self.out, text),
            false => hessian::write::put_string(&mut self.out, text),
        }
    }

    fn put(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.put_string(text),
            _ if self.is_jsonb() => self.put_jsonb(value),
            _ => self.put_hessian(value),
        }
    }

    fn put_hessian(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push(b'N'),
            Value::Bool(value) => self.out.push(if *value { b'T' } else { b'F' }),
            Value::Int(number) => self.put_int(*number),
            Value::Long(number) => {
                self.out.push(b'L');
                self.out.extend(number.to_be_bytes());
            }
            Value::Double(number) => {
                self.out.push(b'D');
                self.out.extend(number.to_be_bytes());
            }
            Value::Date(millis) => {
                self.out.push(b'J');
                self.out.extend(millis.to_be_bytes());
            }
            Value::String(text) => self.put_string(text),
            Value::Binary(bytes) => {
                let mut chunks = bytes.chunks(0x8000).peekable();
                if bytes.is_empty() {
                    self.out.push(0x20);
                }
                while let Some(chunk) = chunks.next() {
                    self.out
                        .push(if chunks.peek().is_some() { b'A' } else { b'B' });
                    self.out.extend((chunk.len() as u16).to_be_bytes());
                    self.out.extend_from_slice(chunk);
                }
            }
            Value::List(values) => {
                if let Ok(length @ 0..8) = u8::try_from(values.len()) {
                    self.out.push(0x78 + length);
                } else {
                    self.out.push(b'X');
                    self.put_int(i32::try_from(values.len()).unwrap_or(i32::MAX));
                }
                values.iter().for_each(|value| self.put(value));
            }
            Value::Map(pairs) => {
                self.out.push(b'H');
                for (key, value) in pairs {
                    self.put(key);
                    self.put(value);
                }
                self.out.push(b'Z');
            }
            Value::Object(class, fields) => {
                let key = (class.clone(), fields.len());
                let known = self.classes.iter().position(|known| *known == key);
                let class = known.unwrap_or_else(|| {
                    self.out.push(b'C');
                    self.put_string(class);
                    self.put_int(i32::try_from(fields.len()).unwrap_or(i32::MAX));
                    fields.iter().for_each(|(name, _)| self.put_string(name));
                    self.classes.push(key);
                    self.classes.len() - 1
                });
                if let Ok(class @ 0..16) = u8::try_from(class) {
                    self.out.push(0x60 + class);
                } else {
                    self.out.push(b'O');
                    self.put_int(i32::try_from(class).unwrap_or(i32::MAX));
                }
                fields.iter().for_each(|(_, value)| self.put(value));
            }
        }
    }

    fn put_int(&mut self, number: i32) {
        match number {
            -0x10..0x30 => self.out.push((number + 0x90) as u8),
            -0x800..0x800 => {
                self.out.push((0xc8 + (number >> 8)) as u8);
                self.out.push(number as u8);
            }
            _ => {
                self.out.push(b'I');
                self.out.extend(number.to_be_bytes());
            }
        }
    }

    fn put_jsonb(&mut self, value: &Value) {
        let length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
        match value {
            Value::Null => self.out.push(0xaf),
            Value::Bool(value) => self.out.push(0xb0 + u8::from(*value)),
            Value::Int(number) => self.put_jsonb_int(*number),
            Value::Long(number) => {
                self.out.push(0xbe);
                self.out.extend(number.to_be_bytes());
            }
            Value::Double(number) => {
                self.out.push(0xb5);
                self.out.extend(number.to_be_bytes());
            }
            Value::Date(millis) => {
                self.out.push(0xab);
                self.out.extend(millis.to_be_bytes());
            }
            Value::String(text) => self.put_string(text),
            Value::Binary(bytes) => {
                self.out.push(0x91);
                self.put_jsonb_int(length(bytes.len()));
                self.out.extend_from_slice(bytes);
            }
            Value::List(values) => {
                if let Ok(length @ 0..16) = u8::try_from(values.len()) {
                    self.out.push(0x94 + length);
                } else {
                    self.out.push(0xa4);
                    self.put_jsonb_int(length(values.len()));
                }
                values.iter().for_each(|value| self.put(value));
            }
            Value::Map(pairs) => {
                self.out.push(0xa6);
                for (key, value) in pairs {
                    self.put(key);
                    self.put(value);
                }
                self.out.push(0xa5);
            }
            Value::Object(class, fields) => {
                self.out.push(0x92);
                self.put_string(class);
                self.put_jsonb_int(0);
                self.out.push(0xa6);
                for (name, value) in fields {
                    self.put_string(name);
                    self.put(value);
                }
                self.out.push(0xa5);
            }
        }
    }

    fn put_jsonb_int(&mut self, number: i32) {
        match usize::try_from(number) {
            Ok(number) => jsonb::write::put_int(&mut self.out, number),
            Err(_) => {
                self.out.push(0x48);
                self.out.extend(number.to_be_bytes());
            }
        }
    }
}
