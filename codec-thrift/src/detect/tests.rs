use super::*;
use crate::{
    form::Form,
    wire::{MessageBuilder, Parsed},
};

const NAME_LIMIT: usize = 64 << 10;

#[test]
fn each_form_is_told_from_its_first_bytes() {
    for form in Form::ALL {
        for name in ["a", "sayHello", "Greeter:sayHello", &"n".repeat(300)] {
            let bytes = MessageBuilder::call(form, name)
                .seqid(-1)
                .string(1, "x")
                .build();
            let detected = detect(&bytes, NAME_LIMIT).expect("it is Thrift");
            assert_eq!(
                detected,
                Detected::Family(Family::of(form.transport)),
                "{form}"
            );
            let parsed = Parsed::read(&bytes).expect("it is whole");
            assert_eq!((parsed.form, parsed.seqid), (form, -1), "{form}");
            assert_eq!((parsed.name.as_str(), parsed.string(1)), (name, Some("x")));
        }
    }
}

#[test]
fn nothing_is_told_too_early() {
    for form in Form::ALL {
        let bytes = MessageBuilder::call(form, "sayHello").build();
        for end in 0..bytes.len() {
            match detect(&bytes[..end], NAME_LIMIT) {
                Ok(Detected::Need(need)) => assert!(need > end && need <= bytes.len(), "{form}"),
                found => assert_eq!(
                    found.ok(),
                    Some(Detected::Family(Family::of(form.transport)))
                ),
            }
        }
    }
}

#[test]
fn what_is_not_carried_is_named() {
    for (bytes, name) in [
        (&b"GET / HTTP/1.1"[..], "HTTP"),
        (b"POST / HTTP/1.1", "HTTP"),
        (b"PRI * HTTP/2.0", "HTTP/2 or gRPC"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
        (b"[\"sayHello\",1,0,{}]", "simple JSON"),
        (b"{\"jsonrpc\":\"2.0\"}", "not Thrift's"),
        (b"[{\"jsonrpc\":\"2.0\"}]", "not Thrift's"),
        (b"\xff\xaf", "mesh header"),
        (b"\0\0\0\x20{\"metadata\"", "JSON protocol of thriftpy2"),
    ] {
        let error = detect(bytes, NAME_LIMIT).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
    }
    for bytes in [
        &b"\0\0\0\0"[..],
        b"\xff\xff",
        b"\x80\x02",
        b"\0\0\0\x05\x01\x02",
        b"\x82\x22",
    ] {
        let error = detect(bytes, NAME_LIMIT).expect_err("no form of Thrift");
        assert_eq!(error.kind(), CodecErrorKind::Malformed, "{error}");
    }
}
