//! The codec keeps every rule of the kit in THeader.

use codec_thrift::{
    Thrift, ThriftConfig, TransportChoice,
    wire::{Form, MessageBuilder, MessageType, Protocol, Transport},
};
use meta_codec_test::{Kit, LengthField, Sample, conformance};
use meta_core::{Extension, Status};

use self::hostile::{both_roles, hostile};

mod hostile;

const BINARY: Form = Form::new(Transport::Header, Protocol::Binary);
const COMPACT: Form = Form::new(Transport::Header, Protocol::Compact);
const OLD_BINARY: Form = Form::new(Transport::Header, Protocol::OldBinary);

conformance!(theader);

mod fixed {
    meta_codec_test::conformance!(super::fixed, tests only);
}

mod zlib {
    meta_codec_test::conformance!(super::zlib, tests only);
}

/// A codec that has to find out.
fn theader() -> Kit {
    hostile(kit(TransportChoice::Auto, samples, &[BINARY, COMPACT]))
}

/// A codec that is told what to expect.
fn fixed() -> Kit {
    let not_among = [
        (
            "old binary in a frame",
            b"\0\0\0\x0a\0\0\0\x01a\x01\0\0\0\x07\0".to_vec(),
        ),
        ("old binary", b"\0\0\0\x01a\x01\0\0\0\x07\0".into()),
        ("TTHeader", b"\0\0\0\x20\x10\0\0\0\0\0\0\0".into()),
        ("JSON", b"[1,\"sayHello\",1,0,{}]".into()),
        (
            "JSON in a frame",
            b"\0\0\0\x15[1,\"sayHello\",1,0,{}]".into(),
        ),
    ];
    let kit = hostile(kit(TransportChoice::Header, samples, &[OLD_BINARY]));
    not_among.into_iter().fold(kit, both_roles)
}

fn zlib() -> Kit {
    hostile(kit(
        TransportChoice::Auto,
        compressed,
        &[BINARY, COMPACT, OLD_BINARY],
    ))
}

fn kit(transport: TransportChoice, samples: fn(Form) -> Vec<Sample>, forms: &[Form]) -> Kit {
    let mut config = ThriftConfig::default();
    config.transport = transport;
    config.oneway_methods = vec!["notify".into()];
    let factory = Thrift.configure(config).expect("a good configuration");
    Kit::of(factory)
        .samples(forms.iter().copied().flat_map(samples))
        .large(large)
}

fn samples(form: Form) -> Vec<Sample> {
    let name = |what: &str| format!("{form}: {what}");
    let call = MessageBuilder::call(form, "sayHello")
        .seqid(7)
        .string(1, "world");
    let with_info = (call.clone())
        .info("tenant", "blue")
        .info("tag", "")
        .info("", "no key")
        .info("tenant", "green");
    let multiplexed = MessageBuilder::call(form, "Greeter:sayHello").seqid(300);
    let negative = MessageBuilder::call(form, "sayHello").seqid(-11).int(1, 5);
    let one_way = MessageBuilder::new(form, MessageType::OneWay, "log")
        .info("tenant", "blue")
        .seqid(1)
        .int(1, 5);
    let disguised = MessageBuilder::call(form, "notify")
        .seqid(2)
        .string(1, "you");
    let good = MessageBuilder::reply(form, "sayHello")
        .seqid(7)
        .string(0, "hello world");
    let declared = MessageBuilder::reply(form, "sayHello")
        .seqid(7)
        .info("retry", "no")
        .string(1, "no such user");
    let undeclared = MessageBuilder::new(form, MessageType::Exception, "sayHello")
        .seqid(7)
        .string(1, "Unknown method sayHello")
        .int(2, 1);
    let samples = vec![
        with_lengths(form, 1, 8, Sample::request(name("call"), call.build()))
            .id(7)
            .operation("sayHello")
            .attribute("method", "sayHello"),
        with_lengths(
            form,
            11,
            8,
            Sample::request(name("info headers"), with_info.build()),
        )
        .id(7)
        .operation("sayHello")
        .attribute("method", "sayHello")
        .attribute("tenant", "green")
        .attribute("tag", "")
        .attribute("", "no key"),
        with_lengths(
            form,
            1,
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
            .attribute("tenant", "blue")
            .operation("log"),
        Sample::one_way(name("one-way in disguise"), disguised.build()).id(2),
        with_lengths(form, 1, 8, Sample::response(name("result"), good.build()))
            .id(7)
            .answers(call.build()),
        Sample::response(name("declared exception"), declared.build())
            .id(7)
            .attribute("retry", "no")
            .answers(with_info.build())
            .status(Status::BusinessException),
        Sample::response(name("undeclared exception"), undeclared.build())
            .id(7)
            .answers(call.build())
            .status(Status::Error),
    ];
    samples.into_iter().map(Sample::mutable).collect()
}

fn compressed(form: Form) -> Vec<Sample> {
    let name = |what: &str| format!("{form} by zlib: {what}");
    let call = MessageBuilder::call(form, "Greeter:sayHello")
        .zlib()
        .info("tenant", "blue")
        .seqid(300)
        .string(1, &"many a word ".repeat(100));
    let one_way = MessageBuilder::new(form, MessageType::OneWay, "n".repeat(1000))
        .zlib()
        .seqid(1);
    let good = MessageBuilder::reply(form, "sayHello")
        .zlib()
        .seqid(300)
        .info("retry", "no")
        .string(0, "hello world");
    let void = MessageBuilder::reply(form, "sayHello").zlib().seqid(7);
    let declared = MessageBuilder::reply(form, "sayHello")
        .zlib()
        .seqid(7)
        .string(300, "no such user");
    let plain = MessageBuilder::reply(form, "sayHello").seqid(300);
    let samples = vec![
        Sample::request(name("call"), call.build())
            .id(300)
            .operation("Greeter:sayHello")
            .attribute("tenant", "blue")
            .attribute("method", "sayHello")
            .attribute("service", "Greeter"),
        Sample::one_way(name("one-way"), one_way.build())
            .id(1)
            .operation("n".repeat(1000)),
        Sample::response(name("result"), good.build())
            .id(300)
            .attribute("retry", "no")
            .answers(call.build()),
        Sample::response(name("void"), void.build()).id(7),
        Sample::response(name("declared exception"), declared.build())
            .id(7)
            .status(Status::BusinessException),
        Sample::response(name("plain answer"), plain.build())
            .id(300)
            .answers(call.build()),
    ];
    samples.into_iter().map(Sample::mutable).collect()
}

/// Names the length fields of a message in a frame of so many header words, whose
/// method's name has `name` bytes.
fn with_lengths(form: Form, words: usize, name: u64, sample: Sample) -> Sample {
    let payload = 14 + 4 * words;
    let inner = |sample: Sample, at| sample.inner_length_field(LengthField::new(at, 4).smallest(0));
    let (sample, head) = match form.protocol {
        Protocol::Binary => (inner(sample, payload + 4), name + 12),
        Protocol::OldBinary => (inner(sample, payload), name + 9),
        _ => (sample, name + 4),
    };
    sample
        .length_field(LengthField::new(0, 4).smallest(payload as u64 - 4 + head))
        .inner_length_field(LengthField::new(12, 2).smallest(words as u64))
}

fn large(bytes: usize) -> Sample {
    let call = MessageBuilder::call(BINARY, "store")
        .info("tenant", "blue")
        .string(1, &"x".repeat(bytes));
    Sample::request("large", call.build())
        .operation("store")
        .attribute("tenant", "blue")
        .length_field(LengthField::new(0, 4))
        .mutable()
}
