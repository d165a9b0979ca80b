use super::*;
use crate::wire::{MessageBuilder, Parsed};

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
            assert_eq!(detected, Detected::Transport(form.transport), "{form}");
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
                found => assert_eq!(found.ok(), Some(Detected::Transport(form.transport))),
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
        (b"[1,\"sayHello\",1,0,{}]", "JSON"),
        (b"\xff\xaf\0\0\0\0", "mesh header"),
        (b"\0\0\0\x20\x0f\xff\0\0", "THeader"),
        (b"\0\0\0\x20\x10\x00\0\0", "TTHeader"),
        (b"\0\0\0\x20[1,\"say", "JSON protocol in frames"),
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

#[test]
fn forms_have_numbers() {
    for form in Form::ALL {
        assert_eq!(Form::from_number(form.number()), Some(form));
    }
    assert_eq!(Form::from_number(0), None);
}

#[test]
fn old_binary_is_answered_in_binary() {
    let form = |transport, protocol| Form::new(transport, protocol);
    let old = form(Transport::Framed, Protocol::OldBinary);
    assert!(old.reads(form(Transport::Framed, Protocol::Binary)));
    assert!(!old.reads(form(Transport::Framed, Protocol::Compact)));
    assert!(!old.reads(form(Transport::Unframed, Protocol::Binary)));
}
