//! Keys: what the integer pairs are called, and what a mutation's keys stand for.

/// The number of an integer pair.
pub(super) const RPC_TIMEOUT: u16 = 12;
/// See [`RPC_TIMEOUT`].
pub(super) const TO_METHOD: u16 = 9;
/// See [`RPC_TIMEOUT`].
pub(super) const MESSAGE_TYPE: u16 = 22;

/// The service as the interface names it.
pub(super) const IDL_SERVICE: &[u8] = b"isn";
/// On a response: no further request shall go over the connection.
pub(super) const READY_TO_RESET: &str = "crrst";
/// The service's own verdict on a reply; anything but 0 is a failure.
pub(super) const BUSINESS_STATUS: &[u8] = b"biz-status";
/// The CRC-32C of all that stands behind the header, as hexadecimal digits.
pub(super) const CHECKSUM: &str = "crc32c";
/// What a user's own checksum of the payload begins with.
pub(super) const SIGNATURE_PREFIX: &[u8] = b"PV_";

/// What the token is called in a mutation. It is a secret, and no attribute.
const TOKEN: &str = "acl_token";

/// Names and numbers of the integer pairs, in order, as Kitex counts them.
const NAMES: [(&str, &str); 28] = [
    ("mesh_version", "0"),
    ("transport_type", "1"),
    ("log_id", "2"),
    ("from_service", "3"),
    ("from_cluster", "4"),
    ("from_idc", "5"),
    ("to_service", "6"),
    ("to_cluster", "7"),
    ("to_idc", "8"),
    ("to_method", "9"),
    ("env", "10"),
    ("dest_address", "11"),
    ("rpc_timeout", "12"),
    ("read_timeout", "13"),
    ("ring_hash_key", "14"),
    ("ddp_tag", "15"),
    ("with_mesh_header", "16"),
    ("connect_timeout", "17"),
    ("span_context", "18"),
    ("short_connection", "19"),
    ("from_method", "20"),
    ("stress_tag", "21"),
    ("message_type", "22"),
    ("http_content_type", "23"),
    ("raw_ring_hash_key", "24"),
    ("lb_type", "25"),
    ("cluster_shard_id", "26"),
    ("frame_type", "27"),
];

/// The readable name of the integer pair `number`, and the number in digits.
pub(super) fn names_of(number: u16) -> Option<(&'static str, &'static str)> {
    NAMES.get(usize::from(number)).copied()
}

/// Whether an attribute of this name tells something else than a string pair, so
/// that a client could speak for another part of the message by one.
pub(super) fn is_reserved(key: &[u8]) -> bool {
    let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
    NAMES.iter().any(|(name, _)| is(name))
        || ["method", "service", TOKEN].into_iter().any(is)
        || std::str::from_utf8(key).is_ok_and(|key| number(key).is_some())
}

/// What a mutation's key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// A string pair.
    String(&'a str),
    /// An integer pair.
    Integer(u16),
    /// The token.
    Token,
}

impl<'a> Target<'a> {
    pub(super) fn of(key: &'a str) -> Self {
        if key == TOKEN {
            return Self::Token;
        }
        let named = (0u16..).zip(NAMES).find(|(_, (name, _))| *name == key);
        match named.map(|(number, _)| number).or_else(|| number(key)) {
            Some(number) => Self::Integer(number),
            None => Self::String(key),
        }
    }
}

/// The number that `key` is, written as numbers are.
fn number(key: &str) -> Option<u16> {
    let is_plain = match key.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_plain.then(|| key.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order() {
        for (number, (name, digits)) in (0u16..).zip(NAMES) {
            assert_eq!(digits, number.to_string());
            assert_eq!(Target::of(name), Target::Integer(number));
            assert_eq!(Target::of(digits), Target::Integer(number));
        }
    }

    #[test]
    fn keys_of_mutations_are_names_numbers_or_strings() {
        assert_eq!(Target::of("65535"), Target::Integer(65535));
        assert_eq!(Target::of("acl_token"), Target::Token);
        for key in ["", "65536", "09", "+9", "-1", "To_Method", "isn", "9 "] {
            assert_eq!(Target::of(key), Target::String(key));
        }
    }

    #[test]
    fn what_the_message_says_itself_is_no_string_pair() {
        for key in ["method", "Service", "to_method", "RPC_TIMEOUT", "9", "500"] {
            assert!(is_reserved(key.as_bytes()), "{key}");
        }
        for key in ["isn", "09", "70000", "RPC_TRANSIT_x", ""] {
            assert!(!is_reserved(key.as_bytes()), "{key}");
        }
    }
}
