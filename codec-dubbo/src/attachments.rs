//! Attachments: written anew where a mutation changes them.

use meta_core::{Change, Mutation};

use crate::{
    body::{Body, Stop},
    head::Serialization,
    hessian, jsonb,
};

/// The attachments that are there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// They come next in the body.
    Next,
    /// There are none.
    None,
}

/// Writes the attachments of `body`, changed by `mutation`, to `out`; `false`
/// where something that others may refer to would have to go.
///
/// What the mutation touches is taken out, and what it sets stands at the end, as
/// their order means nothing. All other entries stay as they are.
pub(crate) fn rewrite(
    body: &mut impl Body,
    before: Before,
    form: Serialization,
    mutation: &Mutation,
    out: &mut Vec<u8>,
) -> Result<bool, Stop> {
    let start = out.len();
    let is_jsonb = form == Serialization::Fastjson2;
    if is_jsonb {
        out.extend([0; 4]);
    }
    let begin = body.at();
    if before == Before::Next && body.open()? {
        // The map's own beginning may name its type.
        let begin = if is_jsonb { begin + 4 } else { begin };
        let head = body.frame().get(begin..body.at());
        out.extend_from_slice(head.unwrap_or_default());
        loop {
            let start = body.at();
            let (touched, fixed) = if let Some((key, _)) = body.plain_entry() {
                (touches(mutation, key.bytes(body.frame())), false)
            } else {
                let Some(entry) = body.entry()? else { break };
                let touches = |key: &[u8]| touches(mutation, key);
                (entry.key.with(body.frame(), touches), entry.fixed)
            };
            if !touched {
                let bytes = body.frame().get(start..body.at());
                out.extend_from_slice(bytes.unwrap_or_default());
            } else if fixed {
                return Ok(false);
            }
        }
    } else {
        out.push(if is_jsonb { 0xa6 } else { b'H' });
    }
    let put = match is_jsonb {
        true => jsonb::write::put_string,
        false => hessian::write::put_string,
    };
    let mut changes = mutation.iter();
    while let Some(change) = changes.next() {
        let later = changes.as_slice();
        match change {
            Change::Set { key, value } if !later.iter().any(|other| other.key() == key) => {
                put(out, key);
                put(out, value);
            }
            _ => {}
        }
    }
    out.push(if is_jsonb { 0xa5 } else { b'Z' });
    if is_jsonb {
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        if let Some(room) = out.get_mut(start..start + 4) {
            room.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(true)
}

fn touches(mutation: &Mutation, key: &[u8]) -> bool {
    let mut changes = mutation.iter();
    changes.any(|change| change.key().as_bytes() == key)
}
