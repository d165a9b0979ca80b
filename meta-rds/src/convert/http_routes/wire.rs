//! Serialized tables, taken apart before they are decoded: a route is some 40 times as
//! large once it is, so that there had better be one at a time.

use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// Of a `RouteConfiguration`.
const VIRTUAL_HOSTS: u32 = 2;
/// Of a `VirtualHost`.
const ROUTES: u32 = 3;
/// Of a `Route`.
const MATCH: u32 = 1;
/// Of a `RouteMatch`.
const HEADERS: u32 = 6;

/// A table whose routes are not decoded yet.
pub(crate) struct RawTable<'a> {
    /// All of it but the virtual hosts.
    pub(super) table: RouteConfiguration,
    pub(super) hosts: Vec<RawHost<'a>>,
}

pub(super) struct RawHost<'a> {
    /// All of it but the routes.
    pub(super) host: VirtualHost,
    /// Serialized.
    pub(super) routes: Vec<&'a [u8]>,
}

impl<'a> RawTable<'a> {
    /// Takes a serialized `RouteConfiguration` apart.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (table, hosts) = split(bytes, VIRTUAL_HOSTS)?;
        let hosts = hosts.into_iter().map(|host| {
            let (host, routes) = split(host, ROUTES)?;
            let host = VirtualHost::decode(&*host)?;
            Ok(RawHost { host, routes })
        });
        Ok(Self {
            table: RouteConfiguration::decode(&*table)?,
            hosts: hosts.collect::<Result<_, DecodeError>>()?,
        })
    }
}

/// A serialized table with the conditions of each route in a fixed order: they hold or
/// not whatever their order, and come in any, from a map.
pub(super) fn canonical(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity(bytes.len());
    sort(bytes, VIRTUAL_HOSTS, &[ROUTES, MATCH, HEADERS], &mut out)?;
    Ok(out)
}

/// Writes a message with its fields `number` behind the others; within those the fields
/// that `path` leads to likewise, and the innermost sorted. That changes the order of
/// fields of different numbers alone, which means nothing, but for the innermost.
fn sort(bytes: &[u8], number: u32, path: &[u32], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut inner = Vec::new();
    for field in fields(bytes) {
        let field = field?;
        match field.is_message(number) {
            true => inner.push(field),
            false => out.extend_from_slice(field.whole),
        }
    }
    let Some((next, path)) = path.split_first() else {
        inner.sort_by_key(|field: &Field<'_>| field.contents);
        inner
            .iter()
            .for_each(|field| out.extend_from_slice(field.whole));
        return Ok(());
    };
    for field in inner {
        // As long as it was, since nothing in it grows.
        let head = field.whole.len() - field.contents.len();
        out.extend_from_slice(&field.whole[..head]);
        sort(field.contents, *next, path, out)?;
    }
    Ok(())
}

/// A message without its fields `number`, and the contents of those.
fn split(bytes: &[u8], number: u32) -> Result<(Vec<u8>, Vec<&[u8]>), DecodeError> {
    let (mut rest, mut inner) = (Vec::new(), Vec::new());
    for field in fields(bytes) {
        let field = field?;
        match field.is_message(number) {
            true => inner.push(field.contents),
            false => rest.extend_from_slice(field.whole),
        }
    }
    Ok((rest, inner))
}

/// A field of a serialized message.
struct Field<'a> {
    number: u32,
    wire_type: WireType,
    whole: &'a [u8],
    /// Behind the number and the length; of messages, texts and bytes.
    contents: &'a [u8],
}

impl Field<'_> {
    /// Of another type than a message's, it is left to whoever decodes it to refuse it.
    fn is_message(&self, number: u32) -> bool {
        self.number == number && self.wire_type == WireType::LengthDelimited
    }
}

/// The fields of a message, in their order, up to the first that is wrong.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Result<Field<'_>, DecodeError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let field = take(&mut bytes);
        if field.is_err() {
            bytes = &[];
        }
        Some(field)
    })
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>, DecodeError> {
    let start = *rest;
    let (number, wire_type) = decode_key(rest)?;
    let mut contents = *rest;
    skip_field(wire_type, number, rest, DecodeContext::default())?;
    let whole = &start[..start.len() - rest.len()];
    if wire_type == WireType::LengthDelimited {
        decode_varint(&mut contents)?;
        contents = &contents[..contents.len() - rest.len()];
    }
    Ok(Field {
        number,
        wire_type,
        whole,
        contents,
    })
}

#[cfg(test)]
mod tests;
