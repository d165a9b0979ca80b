//! The codec keeps every rule of the kit in TTHeader's forms.

use std::time::Duration;

use codec_thrift::{
    Thrift, ThriftConfig, TransportChoice,
    wire::{Form, MessageBuilder, MessageType, Protocol, Transport},
};
use meta_codec_test::{Hostile, Kit, LengthField, Sample, conformance};
use meta_core::{Extension, Role, Status};

conformance!(plain);

mod mux {
    meta_codec_test::conformance!(super::mux, tests only);
}

mod detected {
    meta_codec_test::conformance!(super::detected, tests only);
}

/// A codec that is told what to expect.
fn plain() -> Kit {
    let mut config = ThriftConfig::default();
    config.transport = TransportChoice::TtHeader;
    kit(config, &forms(false)).large(|bytes| large(false, bytes))
}

fn mux() -> Kit {
    kit(ThriftConfig::default(), &forms(true)).large(|bytes| large(true, bytes))
}

/// A codec that has to find out, with all that is hostile.
fn detected() -> Kit {
    hostile(kit(ThriftConfig::default(), &forms(false))).large(|bytes| large(false, bytes))
}

fn forms(mux: bool) -> Vec<Form> {
    let mut forms = Vec::new();
    for framed in [false, true] {
        for protocol in [Protocol::Binary, Protocol::Compact] {
            forms.push(Form::new(Transport::TtHeader { framed, mux }, protocol));
        }
    }
    forms
}

fn kit(mut config: ThriftConfig, forms: &[Form]) -> Kit {
    config.oneway_methods = vec!["notify".into()];
    let factory = Thrift.configure(config).expect("a good configuration");
    Kit::of(factory).samples(forms.iter().copied().flat_map(samples))
}

fn samples(form: Form) -> Vec<Sample> {
    let name = |what: &str| format!("{form}: {what}");
    let call = MessageBuilder::call(form, "sayHello")
        .seqid(7)
        .string(1, "world");
    let told = call
        .clone()
        .info("isn", "Greeter")
        .info("RPC_TRANSIT_user", "anna")
        .int_info(22, "1")
        .int_info(9, "sayHello")
        .int_info(6, "greeter.server")
        .int_info(12, "20000")
        .int_info(500, "of no name");
    let multiplexed = MessageBuilder::call(form, "Greeter:sayHello")
        .seqid(300)
        .info("isn", "Other");
    let negative = MessageBuilder::call(form, "sayHello").seqid(-11).int(1, 5);
    let one_way = MessageBuilder::new(form, MessageType::OneWay, "log")
        .seqid(1)
        .int_info(22, "4")
        .int(1, 5);
    let disguised = MessageBuilder::call(form, "notify").seqid(2);
    let good = MessageBuilder::reply(form, "sayHello")
        .seqid(7)
        .info("back", "again")
        .int_info(22, "2")
        .string(0, "hello world");
    let bare = MessageBuilder::reply(form, "sayHello").seqid(7);
    let declined = bare
        .clone()
        .info("biz-status", "42")
        .info("biz-message", "declined");
    let undeclared = MessageBuilder::new(form, MessageType::Exception, "sayHello")
        .seqid(7)
        .int_info(22, "3")
        .string(1, "Unknown method sayHello")
        .int(2, 1);
    let request = |what: &str, call: &MessageBuilder, head: usize| {
        with_lengths(form, head, Sample::request(name(what), call.build()), call)
    };
    let response = |what: &str, reply: &MessageBuilder, head: usize| {
        let sample = Sample::response(name(what), reply.build());
        with_lengths(form, head, sample, reply)
            .id(7)
            .answers(call.build())
    };
    vec![
        request("call", &call, 8)
            .id(7)
            .operation("sayHello")
            .attribute("method", "sayHello"),
        request("call with pairs", &told, 8)
            .id(7)
            .operation("sayHello")
            .attribute("service", "Greeter")
            .attribute("isn", "Greeter")
            .attribute("RPC_TRANSIT_user", "anna")
            .attribute("to_method", "sayHello")
            .attribute("9", "sayHello")
            .attribute("message_type", "1")
            .attribute("500", "of no name")
            .timeout(Duration::from_secs(20)),
        request("multiplexed services", &multiplexed, 16)
            .id(300)
            .operation("Greeter:sayHello")
            .attribute("service", "Greeter"),
        Sample::request(name("negative id"), negative.build())
            .id(0xffff_fff5)
            .mutable(),
        Sample::one_way(name("one-way"), one_way.build())
            .id(1)
            .operation("log")
            .mutable(),
        Sample::one_way(name("one-way in disguise"), disguised.build())
            .id(2)
            .mutable(),
        response("result", &good, 8).attribute("back", "again"),
        response("void", &bare, 8),
        response("business status", &declined, 8).status(Status::BusinessException),
        response("undeclared exception", &undeclared, 8).status(Status::Error),
    ]
}

/// Names the length fields of a message whose method's name has `name` bytes.
fn with_lengths(form: Form, name: usize, sample: Sample, message: &MessageBuilder) -> Sample {
    let bytes = message.build();
    let words = u16::from_be_bytes([bytes[12], bytes[13]]);
    let end = 14 + 4 * usize::from(words);
    let framed = matches!(form.transport, Transport::TtHeader { framed: true, .. });
    let payload = if framed { end + 4 } else { end };
    let head = match form.protocol {
        Protocol::Binary => name + 12,
        _ => name + 4,
    };
    let sample = sample
        .mutable()
        .length_field(LengthField::new(0, 4).smallest((payload + head - 4) as u64))
        .inner_length_field(LengthField::new(12, 2).smallest(words.into()));
    let sample = match framed {
        true => {
            let length = (bytes.len() - payload) as u64;
            sample.inner_length_field(LengthField::new(end, 4).smallest(length))
        }
        false => sample,
    };
    match form.protocol {
        Protocol::Binary => sample.inner_length_field(LengthField::new(payload + 4, 4).smallest(0)),
        _ => sample,
    }
}

fn large(mux: bool, bytes: usize) -> Sample {
    let form = Form::new(Transport::TtHeader { framed: true, mux }, Protocol::Binary);
    let call = MessageBuilder::call(form, "store")
        .int_info(9, "store")
        .string(1, &"x".repeat(bytes));
    let sample = Sample::request("large", call.build()).operation("store");
    with_lengths(form, 5, sample, &call)
}

/// A frame whose header area is `area`, before a whole call.
fn frame(flags: u16, area: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut area = area.to_vec();
    area.resize(area.len().next_multiple_of(4), 0);
    let length = 10 + area.len() + payload.len();
    let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    bytes.extend([0x10, 0]);
    bytes.extend(flags.to_be_bytes());
    bytes.extend([0, 0, 0, 1]);
    bytes.extend(u16::try_from(area.len() / 4).unwrap().to_be_bytes());
    bytes.extend(area);
    bytes.extend(payload);
    bytes
}

const CALL: &[u8] = b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\x01\0";

fn hostile(kit: Kit) -> Kit {
    let refused = [
        ("no words", b"\0\0\0\x20\x10\0\0\0\0\0\0\x01\0\0".to_vec()),
        (
            "words beyond the frame",
            b"\0\0\0\x20\x10\0\0\0\0\0\0\x01\xff\xff".to_vec(),
        ),
        ("too short", b"\0\0\0\x0d\x10\0\0\0".to_vec()),
        (
            "negative length",
            b"\xff\xff\xff\xff\x10\0\0\0\0\0\0\x01\0\x01\0\0\0\0".to_vec(),
        ),
        (
            "65535 string pairs",
            frame(0, b"\0\0\x01\xff\xff\0\x01a\0\x01b", CALL),
        ),
        (
            "65535 integer pairs",
            frame(0, b"\0\0\x10\xff\xff\0\x01\0\x01b", CALL),
        ),
        ("count cut short", frame(0, b"\0\0\0\0\0\0\0\x01", CALL)),
        (
            "key beyond the header",
            frame(0, b"\0\0\x01\0\x01\0\x09a\0\x01b", CALL),
        ),
        (
            "value beyond the header",
            frame(0, b"\0\0\x01\0\x01\0\x01a\xff\xff", CALL),
        ),
        (
            "number beyond the header",
            frame(0, b"\0\0\x10\0\x01\0\x09\0\x09", CALL),
        ),
        ("token beyond the header", frame(0, b"\0\0\x11\0\x09", CALL)),
        ("unknown block", frame(0, b"\0\0\x02\0", CALL)),
        (
            "transforms beyond the header",
            frame(0, b"\0\x03\x01\x01", CALL),
        ),
        ("no payload", frame(0, b"\0\0", b"")),
        ("payload cut short", frame(0, b"\0\0", &CALL[..9])),
        (
            "inner length too large",
            frame(0, b"\0\0", &[&[0, 0, 0, 15], CALL].concat()),
        ),
        (
            "inner length too small",
            frame(0, b"\0\0", &[&[0, 0, 0, 13], CALL].concat()),
        ),
        (
            "Protobuf",
            frame(
                0,
                b"\0\0",
                b"\0\0\0\x0e\x90\x01\0\x01\0\0\0\x01a\0\0\0\x01\0",
            ),
        ),
        (
            "old binary",
            frame(0, b"\0\0", b"\0\0\0\x01a\x01\0\0\0\x01\0"),
        ),
        ("streaming by its flag", frame(2, b"\0\0", CALL)),
        ("streaming by its protocol", frame(0, b"\x10\0", b"\0")),
        ("reverse", frame(8, b"\0\0", CALL)),
        ("SASL", frame(0x10, b"\0\0", CALL)),
        ("mesh header", b"\xff\xaf\0\x04\0\0\0\0".to_vec()),
        ("gRPC", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
    ];
    let kit = refused.into_iter().fold(kit, |kit, (what, bytes)| {
        kit.hostile(Hostile::new(what, Role::Downstream, bytes.clone()))
            .hostile(Hostile::new(what, Role::Upstream, bytes))
    });
    kit.hostile(Hostile::new(
        "two ids on a multiplexed connection",
        Role::Downstream,
        frame(1, b"\0\0", b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\x02\0"),
    ))
    .hostile(Hostile::bomb(
        "a frame of 15 MiB",
        Role::Downstream,
        *b"\0\xf0\0\0\x10\0\0\0\0\0\0\x01\xff\xff\0\0\x01\x40\0",
    ))
}
