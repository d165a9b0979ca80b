//! Values of every type, written in every protocol as Thrift's libraries do.

use codec_thrift::wire::Protocol;
use serde_json::json;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Double(f64),
    Uuid([u8; 16]),
    Text(String),
    Struct(Vec<(i16, Body)>),
    List(Kind, Vec<Body>),
    Set(Kind, Vec<Body>),
    Map(Kind, Kind, Vec<(Body, Body)>),
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    Byte,
    Short,
    Int,
    Long,
    Double,
    Uuid,
    Text,
    Struct,
    List,
    Set,
    Map,
}

impl Kind {
    /// Its number in binary, its number in compact, its name in JSON.
    fn names(self) -> (u8, u8, &'static str) {
        match self {
            Self::Bool => (2, 1, "tf"),
            Self::Byte => (3, 3, "i8"),
            Self::Short => (6, 4, "i16"),
            Self::Int => (8, 5, "i32"),
            Self::Long => (10, 6, "i64"),
            Self::Double => (4, 7, "dbl"),
            Self::Uuid => (16, 13, "uid"),
            Self::Text => (11, 8, "str"),
            Self::Struct => (12, 12, "rec"),
            Self::List => (15, 9, "lst"),
            Self::Set => (14, 10, "set"),
            Self::Map => (13, 11, "map"),
        }
    }
}

impl Body {
    pub(crate) fn bytes(&self, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        match protocol {
            Protocol::Compact => self.compact(&mut out),
            Protocol::Json => self.json(&mut out),
            _ => self.binary(&mut out),
        }
        out
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Bool,
            Self::Byte(_) => Kind::Byte,
            Self::Short(_) => Kind::Short,
            Self::Int(_) => Kind::Int,
            Self::Long(_) => Kind::Long,
            Self::Double(_) => Kind::Double,
            Self::Uuid(_) => Kind::Uuid,
            Self::Text(_) => Kind::Text,
            Self::Struct(_) => Kind::Struct,
            Self::List(..) => Kind::List,
            Self::Set(..) => Kind::Set,
            Self::Map(..) => Kind::Map,
        }
    }

    fn binary(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.push((*value).into()),
            Self::Byte(value) => out.extend(value.to_be_bytes()),
            Self::Short(value) => out.extend(value.to_be_bytes()),
            Self::Int(value) => out.extend(value.to_be_bytes()),
            Self::Long(value) => out.extend(value.to_be_bytes()),
            Self::Double(value) => out.extend(value.to_be_bytes()),
            Self::Uuid(value) => out.extend(value),
            Self::Text(value) => {
                out.extend((value.len() as u32).to_be_bytes());
                out.extend(value.as_bytes());
            }
            Self::Struct(fields) => {
                for (id, value) in fields {
                    out.push(value.kind().names().0);
                    out.extend(id.to_be_bytes());
                    value.binary(out);
                }
                out.push(0);
            }
            Self::List(kind, values) | Self::Set(kind, values) => {
                out.push(kind.names().0);
                out.extend((values.len() as u32).to_be_bytes());
                values.iter().for_each(|value| value.binary(out));
            }
            Self::Map(key, value, pairs) => {
                out.extend([key.names().0, value.names().0]);
                out.extend((pairs.len() as u32).to_be_bytes());
                for (key, value) in pairs {
                    key.binary(out);
                    value.binary(out);
                }
            }
        }
    }

    fn compact(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.push(if *value { 1 } else { 2 }),
            Self::Byte(value) => out.extend(value.to_be_bytes()),
            Self::Short(value) => varint(out, zigzag((*value).into())),
            Self::Int(value) => varint(out, zigzag((*value).into())),
            Self::Long(value) => varint(out, zigzag(*value)),
            Self::Double(value) => out.extend(value.to_le_bytes()),
            Self::Uuid(value) => out.extend(value),
            Self::Text(value) => {
                varint(out, value.len() as u64);
                out.extend(value.as_bytes());
            }
            Self::Struct(fields) => {
                let mut last = 0;
                for (id, value) in fields {
                    let kind = match value {
                        Self::Bool(value) => 1 + u8::from(!value),
                        value => value.kind().names().1,
                    };
                    match i32::from(*id) - last {
                        step @ 1..=15 => out.push((step as u8) << 4 | kind),
                        _ => {
                            out.push(kind);
                            varint(out, zigzag((*id).into()));
                        }
                    }
                    if !matches!(value, Self::Bool(_)) {
                        value.compact(out);
                    }
                    last = (*id).into();
                }
                out.push(0);
            }
            Self::List(kind, values) | Self::Set(kind, values) => {
                match values.len() {
                    count @ 0..15 => out.push((count as u8) << 4 | kind.names().1),
                    count => {
                        out.push(0xf0 | kind.names().1);
                        varint(out, count as u64);
                    }
                }
                values.iter().for_each(|value| value.compact(out));
            }
            Self::Map(key, value, pairs) => {
                varint(out, pairs.len() as u64);
                if !pairs.is_empty() {
                    out.push(key.names().1 << 4 | value.names().1);
                }
                for (key, value) in pairs {
                    key.compact(out);
                    value.compact(out);
                }
            }
        }
    }

    fn json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.push(b'0' + u8::from(*value)),
            Self::Byte(value) => out.extend(value.to_string().bytes()),
            Self::Short(value) => out.extend(value.to_string().bytes()),
            Self::Int(value) => out.extend(value.to_string().bytes()),
            Self::Long(value) => out.extend(value.to_string().bytes()),
            Self::Double(value) => out.extend(value.to_string().bytes()),
            Self::Uuid(value) => {
                let digits = value.map(|byte| format!("{byte:02x}")).concat();
                out.extend(json!(digits).to_string().bytes());
            }
            Self::Text(value) => out.extend(json!(value).to_string().bytes()),
            Self::Struct(fields) => {
                out.push(b'{');
                for (n, (id, value)) in fields.iter().enumerate() {
                    let comma = if n > 0 { "," } else { "" };
                    let kind = value.kind().names().2;
                    out.extend(format!("{comma}\"{id}\":{{\"{kind}\":").bytes());
                    value.json(out);
                    out.push(b'}');
                }
                out.push(b'}');
            }
            Self::List(kind, values) | Self::Set(kind, values) => {
                out.extend(format!("[\"{}\",{}", kind.names().2, values.len()).bytes());
                for value in values {
                    out.push(b',');
                    value.json(out);
                }
                out.push(b']');
            }
            Self::Map(key, value, pairs) => {
                let (key, value) = (key.names().2, value.names().2);
                out.extend(format!("[\"{key}\",\"{value}\",{},{{", pairs.len()).bytes());
                for (n, (key, value)) in pairs.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    // Keys are strings in JSON.
                    match key {
                        Self::Text(_) => key.json(out),
                        key => {
                            out.push(b'"');
                            key.json(out);
                            out.push(b'"');
                        }
                    }
                    out.push(b':');
                    value.json(out);
                }
                out.extend(b"}]");
            }
        }
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}
