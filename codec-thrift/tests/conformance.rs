//! The codec keeps every rule of the kit, in all forms.

use codec_thrift::{
    ProtocolChoice, Thrift, ThriftConfig, TransportChoice,
    wire::{Form, MessageBuilder, MessageType, Protocol, Transport},
};
use meta_codec_test::{Hostile, Kit, LengthField, Sample, conformance};
use meta_core::{Extension, MessageKind, Role, Status};

conformance!(framed);

mod unframed {
    meta_codec_test::conformance!(super::unframed, tests only);
}

mod both {
    meta_codec_test::conformance!(super::both, tests only);
}

/// A codec that is told what to expect.
fn framed() -> Kit {
    let mut config = ThriftConfig::default();
    config.transport = TransportChoice::Framed;
    config.protocol = ProtocolChoice::Binary;
    let form = Form::new(Transport::Framed, Protocol::Binary);
    kit(config, &[form]).large(|bytes| large(Transport::Framed, bytes))
}

fn unframed() -> Kit {
    let mut config = ThriftConfig::default();
    config.transport = TransportChoice::Unframed;
    let forms = Form::ALL.into_iter();
    let forms: Vec<Form> = forms
        .filter(|form| form.transport == Transport::Unframed)
        .collect();
    kit(config, &forms).large(|bytes| large(Transport::Unframed, bytes))
}

/// A codec that has to find out, in all forms and with all that is hostile.
fn both() -> Kit {
    hostile(kit(ThriftConfig::default(), &Form::ALL)).large(|bytes| large(Transport::Framed, bytes))
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
    let multiplexed = MessageBuilder::call(form, "Greeter:sayHello").seqid(300);
    let negative = MessageBuilder::call(form, "sayHello").seqid(-11).int(1, 5);
    let one_way = MessageBuilder::new(form, MessageType::OneWay, "log")
        .seqid(1)
        .int(1, 5);
    let disguised = MessageBuilder::call(form, "notify")
        .seqid(2)
        .string(1, "you");
    let good = MessageBuilder::reply(form, "sayHello")
        .seqid(7)
        .string(0, "hello world");
    let void = MessageBuilder::reply(form, "sayHello").seqid(7);
    let declared = MessageBuilder::reply(form, "sayHello")
        .seqid(7)
        .string(1, "no such user");
    let undeclared = MessageBuilder::new(form, MessageType::Exception, "sayHello")
        .seqid(7)
        .string(1, "Unknown method sayHello")
        .int(2, 1);
    vec![
        with_lengths(form, 8, Sample::request(name("call"), call.build()))
            .id(7)
            .operation("sayHello")
            .attribute("method", "sayHello"),
        with_lengths(
            form,
            16,
            Sample::request(name("multiplexed"), multiplexed.build()),
        )
        .id(300)
        .operation("Greeter:sayHello")
        .attribute("method", "sayHello")
        .attribute("service", "Greeter"),
        Sample::request(name("negative id"), negative.build()).id(0xffff_fff5),
        Sample::one_way(name("one-way"), one_way.build())
            .id(1)
            .operation("log"),
        Sample::one_way(name("one-way in disguise"), disguised.build()).id(2),
        with_lengths(form, 8, Sample::response(name("result"), good.build()))
            .id(7)
            .answers(call.build()),
        Sample::response(name("void"), void.build()).id(7),
        Sample::response(name("declared exception"), declared.build())
            .id(7)
            .status(Status::BusinessException),
        Sample::response(name("undeclared exception"), undeclared.build())
            .id(7)
            .answers(call.build())
            .status(Status::Error),
        // Clients send none, but what it is must be told all the same.
        Sample::new(
            name("reply to nothing"),
            Role::Downstream,
            MessageKind::Response,
            void.build(),
        )
        .id(7),
    ]
}

/// Names the length fields of a message whose method's name has `name` bytes.
fn with_lengths(form: Form, name: u64, sample: Sample) -> Sample {
    let start = if form.transport == Transport::Framed {
        4
    } else {
        0
    };
    let (sample, head) = match form.protocol {
        Protocol::Binary => (inner(sample, start + 4), name + 12),
        Protocol::OldBinary => (inner(sample, start), name + 9),
        Protocol::Json => (sample, name + 10),
        _ => (sample, name + 4),
    };
    match form.transport {
        Transport::Framed => sample.length_field(LengthField::new(0, 4).smallest(head)),
        _ => sample,
    }
}

fn inner(sample: Sample, at: usize) -> Sample {
    sample.inner_length_field(LengthField::new(at, 4).smallest(0))
}

fn large(transport: Transport, bytes: usize) -> Sample {
    let protocol = match transport {
        Transport::Framed => Protocol::Binary,
        _ => Protocol::Compact,
    };
    let form = Form::new(transport, protocol);
    let text = "x".repeat(bytes);
    let call = MessageBuilder::call(form, "store").string(1, &text);
    let sample = Sample::request("large", call.build()).operation("store");
    match transport {
        Transport::Framed => sample.length_field(LengthField::new(0, 4)),
        _ => sample,
    }
}

fn hostile(kit: Kit) -> Kit {
    let refused: [(&str, &[u8]); 16] = [
        (
            "framed, negative length",
            b"\xff\xff\xff\xf0\x80\x01\0\x01\0\0\0\x01a\0\0\0\0\0",
        ),
        (
            "framed, length beyond the header",
            b"\0\0\0\x08\x80\x01\0\x01\0\0\0\x01",
        ),
        (
            "framed, name longer than the frame",
            b"\0\0\0\x10\x80\x01\0\x01\0\0\0\x40abcdefgh",
        ),
        (
            "framed, unknown version",
            b"\0\0\0\x10\x80\x02\0\x01\0\0\0\x01a\0\0\0\0\0\0\0",
        ),
        (
            "framed, unknown type",
            b"\0\0\0\x12\x80\x01\0\x09\0\0\0\x01a\0\0\0\0\0\0\0\0\0",
        ),
        (
            "unframed, unknown type",
            b"\x80\x01\0\0\0\0\0\x01a\0\0\0\0\0",
        ),
        (
            "unframed, unknown version",
            b"\x80\x02\0\x01\0\0\0\x01a\0\0\0\0\0",
        ),
        (
            "unframed, negative name",
            b"\x80\x01\0\x01\xff\xff\xff\xf0a\0\0\0\0\0",
        ),
        (
            "unframed, value of unknown type",
            b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\0\x63\0\x01",
        ),
        (
            "unframed, negative string",
            b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\0\x0b\0\x01\xff\xff\xff\xf0",
        ),
        (
            "unframed, negative list",
            b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\0\x0f\0\x01\x08\xff\xff\xff\xf0",
        ),
        ("compact, unknown version", b"\x82\x22\0\x01a\0"),
        (
            "compact, endless id",
            b"\x82\x21\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("compact, name of 2 GiB", b"\x82\x21\0\xff\xff\xff\xff\x0f"),
        ("compact, unknown type", b"\x82\x21\0\x01a\x1e"),
        ("TTHeader", b"\0\0\0\x20\x10\x00\0\0\0\0\0\0\0\0"),
    ];
    // A list of 33 million strings in 20 bytes; over the limit, if it were true.
    let list = b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\0\x0f\0\x01\x0b\x02\0\0\0";
    // As many bools, which might just come.
    let bools = b"\x82\x21\0\x01a\x19\xf1\x80\x80\x80\x04";
    let kit = refused.into_iter().fold(kit, |kit, (what, bytes)| {
        kit.hostile(Hostile::new(what, Role::Downstream, bytes))
            .hostile(Hostile::new(what, Role::Upstream, bytes))
    });
    kit.hostile(Hostile::new(
        "a list of 33 million strings",
        Role::Downstream,
        *list,
    ))
    .hostile(Hostile::bomb(
        "a list of 8 million bools",
        Role::Downstream,
        *bools,
    ))
    .hostile(Hostile::new("nesting", Role::Downstream, nested(65)))
    .hostile(Hostile::bomb("deep nesting", Role::Downstream, nested(64)))
    .hostile(Hostile::bomb(
        "a frame of 15 MiB",
        Role::Downstream,
        *b"\0\xf0\0\0\x80\x01\0\x01\0\0\0\x01a",
    ))
}

/// The beginning of an unframed call with structs in structs.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\0".to_vec();
    bytes.extend(b"\x0c\0\x01".repeat(depth));
    bytes
}
