//! Metadata: what the pairs of a header tell.

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use meta_core::{Event, MessageKind, Metadata, Status, Text};

use super::{
    header::FIXED_BYTES,
    info::{Key, Reader},
    keys::{BUSINESS_STATUS, IDL_SERVICE, READY_TO_RESET, RPC_TIMEOUT, is_reserved, names_of},
};
use crate::{
    form::Transport,
    head::{Head, MessageType},
};

/// Adds what the info headers say.
pub(crate) fn describe(head: &Head, frame: &Bytes, metadata: &mut Metadata) {
    let Transport::TtHeader { framed, mux } = head.form.transport else {
        return;
    };
    if head.envelope.pairs > 0 {
        let end = head.envelope.payload_at - if framed { 4 } else { 0 };
        let area = frame.get(..end).unwrap_or_default();
        let transforms = area.get(FIXED_BYTES + 1).copied().unwrap_or_default();
        let info_at = FIXED_BYTES + 2 + usize::from(transforms);
        // The call's name comes besides.
        let attributes = &mut metadata.attributes;
        attributes.reserve(2 * head.envelope.pairs + 2);
        let info = Info { area, info_at };
        info.strings(head.kind, metadata);
        info.integers(head.kind, metadata);
    }
    // No call has this id: it is word about the connection.
    if mux && head.envelope.id == 0 && metadata.kind == MessageKind::Response {
        metadata.kind = MessageKind::Event(match metadata.ends_connection {
            true => Event::Drain,
            false => Event::Other,
        });
    }
}

struct Info<'a> {
    area: &'a [u8],
    info_at: usize,
}

impl Info<'_> {
    /// Adds the string pairs, all that is not told in another way too.
    fn strings(&self, kind: MessageType, metadata: &mut Metadata) {
        let mut reader = Reader::new(self.area, self.info_at);
        let mut service = None;
        let mut business = Status::Ok;
        while let Ok(Some(pair)) = reader.next() {
            let Key::String(at) = pair.key else { continue };
            let key = self.text(&at);
            match kind {
                MessageType::Call | MessageType::OneWay if key == IDL_SERVICE => {
                    service = Some(pair.value.clone());
                }
                MessageType::Reply | MessageType::Exception if key == READY_TO_RESET.as_bytes() => {
                    metadata.ends_connection = true;
                }
                MessageType::Reply if key == BUSINESS_STATUS => {
                    business = business_status(self.text(&pair.value));
                }
                _ => {}
            }
            if !is_reserved(key) {
                let attributes = &mut metadata.attributes;
                attributes.insert(Text::span(at), Text::span(pair.value));
            }
        }
        if let Some(service) = service {
            let attributes = &mut metadata.attributes;
            attributes.insert("service", Text::span(service));
        }
        if business != Status::Ok {
            metadata.status = business;
        }
    }

    /// Adds the integer pairs, by name and by number.
    fn integers(&self, kind: MessageType, metadata: &mut Metadata) {
        let mut reader = Reader::new(self.area, self.info_at);
        while let Ok(Some(pair)) = reader.next() {
            let Key::Integer(number) = pair.key else {
                continue;
            };
            if number == RPC_TIMEOUT && matches!(kind, MessageType::Call | MessageType::OneWay) {
                metadata.timeout = timeout(self.text(&pair.value));
            }
            let attributes = &mut metadata.attributes;
            match names_of(number) {
                Some((name, digits)) => {
                    attributes.insert(name, Text::span(pair.value.clone()));
                    attributes.insert(digits, Text::span(pair.value));
                }
                None => attributes.insert(number.to_string(), Text::span(pair.value)),
            }
        }
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.area.get(range.clone()).unwrap_or_default()
    }
}

/// A number of milliseconds; 0 is none, as Kitex has it.
fn timeout(text: &[u8]) -> Option<Duration> {
    let millis: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (millis > 0).then(|| Duration::from_millis(millis.into()))
}

/// What is no number is no verdict, as Kitex has it.
fn business_status(text: &[u8]) -> Status {
    let code: Option<i32> = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    match code {
        None | Some(0) => Status::Ok,
        Some(_) => Status::BusinessException,
    }
}
