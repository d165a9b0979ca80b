use proptest::prelude::*;

use super::*;

/// A header of version 2.
fn v2_header(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = v2::PROTOCOL_PREFIX.to_vec();
    bytes.extend([0x20 | command, family]);
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn v4_payload() -> Vec<u8> {
    let mut payload = vec![192, 0, 2, 1, 203, 0, 113, 9];
    payload.extend(56324_u16.to_be_bytes());
    payload.extend(443_u16.to_be_bytes());
    payload
}

fn v6_payload() -> Vec<u8> {
    let mut payload = vec![0; 32];
    (payload[0], payload[1], payload[15]) = (0x20, 0x01, 1);
    (payload[16], payload[17], payload[31]) = (0x20, 0x01, 2);
    payload.extend(5_u16.to_be_bytes());
    payload.extend(6_u16.to_be_bytes());
    payload
}

fn pair(source: &str, destination: &str) -> Option<(SocketAddr, SocketAddr)> {
    let address = |text: &str| text.parse().expect("an address");
    Some((address(source), address(destination)))
}

/// What is read of the bytes, which are not all of the header before they are.
fn read(bytes: &[u8]) -> (ProxyProtocolVersion, Result<Header, HeaderError>) {
    let found = Header::read(bytes).expect("it is whole");
    found.expect("it is a header")
}

#[test]
fn headers_of_all_kinds() {
    let unknown = "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n";
    for (bytes, version, addresses) in [
        (
            b"PROXY TCP4 192.0.2.1 203.0.113.9 56324 443\r\n".to_vec(),
            V1,
            pair("192.0.2.1:56324", "203.0.113.9:443"),
        ),
        (
            b"PROXY TCP6 2001::1 2001::2 5 6\r\n".to_vec(),
            V1,
            pair("[2001::1]:5", "[2001::2]:6"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), V1, None),
        (unknown.as_bytes().to_vec(), V1, None),
        (
            v2_header(1, 0x11, &v4_payload()),
            V2,
            pair("192.0.2.1:56324", "203.0.113.9:443"),
        ),
        (
            v2_header(1, 0x21, &v6_payload()),
            V2,
            pair("[2001::1]:5", "[2001::2]:6"),
        ),
        (v2_header(0, 0x00, &[]), V2, None),
        (v2_header(0, 0x11, &v4_payload()), V2, None),
        (v2_header(1, 0x00, b"what follows is skipped"), V2, None),
        (
            v2_header(1, 0x11, &[v4_payload(), vec![4, 0, 3, 1, 2, 3]].concat()),
            V2,
            pair("192.0.2.1:56324", "203.0.113.9:443"),
        ),
    ] {
        for length in 0..bytes.len() {
            assert_eq!(Header::read(&bytes[..length]), None, "{length} {bytes:?}");
        }
        let expected = Header {
            bytes: bytes.len(),
            addresses,
        };
        assert_eq!(read(&bytes), (version, Ok(expected)), "{bytes:?}");
        let more = [&*bytes, b"\r\nPROXY"].concat();
        assert_eq!(read(&more), (version, Ok(expected)), "{bytes:?} and more");
    }
}

#[test]
fn what_is_no_header() {
    for bytes in [&b"\xda\xbb"[..], b"PROXX", b"PROXY\r\n", b"\r\n\r\r", b"\0"] {
        assert_eq!(Header::read(bytes), Some(None), "{bytes:?}");
    }
}

#[test]
fn headers_that_are_refused() {
    let long_v1 = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 96]].concat();
    let long_v2 = v2_header(1, 0x11, &[0; MAX_BYTES]);
    for (bytes, expected) in [
        (long_v1, "the header has more than 107 bytes"),
        (long_v2, "the header has more than 4096 bytes"),
        (
            v2_header(1, 0x12, &v4_payload()),
            "the header is not about TCP",
        ),
        (v2_header(1, 0x31, &[0; 216]), "the header is not about TCP"),
        (v2_header(1, 0x11, &[0; 11]), "cannot be read"),
        (v2_header(2, 0x11, &v4_payload()), "cannot be read"),
        (v2_header(1, 0x51, &v4_payload()), "cannot be read"),
        (b"PROXY TCP4 192.0.2.1\r\n".to_vec(), "cannot be read"),
        (
            b"PROXY TCP4 192.0.2.1 203.0.113.9 56324 99999\r\n".to_vec(),
            "cannot be read",
        ),
        (
            b"PROXY TCP6 192.0.2.1 203.0.113.9 5 6\r\n".to_vec(),
            "cannot be read",
        ),
        (
            b"PROXY TCP4 192.0.2.1 203.0.113.9 5 6\n".to_vec(),
            "cannot be read",
        ),
        (b"PROXY UNKNOWN\rPROXY\n".to_vec(), "cannot be read"),
        (
            b"PROXY UDP4 1.1.1.1 2.2.2.2 5 6\r\n".to_vec(),
            "cannot be read",
        ),
        (b"PROXY TCP4 \xff\xfe\r\n".to_vec(), "cannot be read"),
    ] {
        let (_, refused) = read(&bytes);
        let error = refused.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} for {bytes:?}");
    }
}

proptest! {
    #[test]
    fn bytes_of_whatever_kind_are_survived(
        rest in proptest::collection::vec(any::<u8>(), 0..300),
        prefix in proptest::sample::select(vec![&b""[..], V1_PREFIX, v2::PROTOCOL_PREFIX]),
    ) {
        let bytes = [prefix, &rest].concat();
        let found = (0..=bytes.len()).find_map(|length| Header::read(&bytes[..length]));
        if let Some(Some((_, Ok(header)))) = found {
            prop_assert!(header.bytes <= MAX_BYTES);
        }
    }
}
