//! The codec keeps every rule of the kit.

use std::time::Duration;

use codec_parcel::{
    Parcel, ParcelConfig,
    wire::{Frame, Kind},
};
use meta_codec_test::{Hostile, Kit, LengthField, Sample, conformance};
use meta_core::{Event, Extension, MessageKind, Role, Status};

conformance!(kit);

fn kit() -> Kit {
    let factory = Parcel.configure(ParcelConfig::default());
    Kit::of(factory.expect("the default configuration is good"))
        .samples(calls())
        .samples(answers())
        .samples(control())
        .hostile(Hostile::new(
            "a text longer than the header block",
            Role::Downstream,
            *b"\0\0\0\x10\xca\0\0\x04\0\0\0\x07\0\0\0\0\0\xffab",
        ))
        .hostile(Hostile::new(
            "a call without a method",
            Role::Downstream,
            *b"\0\0\0\x0f\xca\0\0\x03\0\0\0\x07\0\0\0\0\0\x01a",
        ))
        .hostile(Hostile::new(
            "a header without a value",
            Role::Upstream,
            *b"\0\0\0\x0f\xca\x02\0\x03\0\0\0\x07\0\0\0\0\0\x01k",
        ))
        .hostile(Hostile::new(
            "an unknown kind",
            Role::Downstream,
            *b"\0\0\0\x0c\xca\x07\0\0\0\0\0\x07\0\0\0\0",
        ))
        .hostile(Hostile::bomb(
            "a frame of 8 MiB",
            Role::Upstream,
            *b"\0\x80\0\0\xca\x02\0\0\0\0\0\x07\0\0\0\0",
        ))
        .large(|bytes| {
            let call = Frame::call(7, "Files", "store").header("name", "a");
            Sample::request("large", call.body(vec![b'x'; bytes]).build())
                .id(7)
                .length_field(LengthField::new(0, 4))
                .mutable()
        })
}

fn call() -> Frame {
    Frame::call(7, "Greeter", "hello")
        .header("tenant", "gold")
        .number(150)
        .body("world")
}

fn calls() -> Vec<Sample> {
    let one_way = Frame::one_way(0, "Log", "write").body("fire and forget");
    let bare = Frame::call(u32::MAX, "", "hello");
    let doubled = Frame::call(8, "Greeter", "hello")
        .header("method", "other")
        .header("tenant", "gold")
        .header("tenant", "free");
    vec![
        Sample::request("call", call().build())
            .id(7)
            .operation("Greeter/hello")
            .attribute("service", "Greeter")
            .attribute("method", "hello")
            .attribute("tenant", "gold")
            .timeout(Duration::from_millis(150))
            .length_field(LengthField::new(0, 4).smallest(12))
            .inner_length_field(LengthField::new(6, 2).smallest(4))
            .mutable(),
        Sample::request("bare", bare.build())
            .id(u32::MAX.into())
            .mutable(),
        Sample::request("doubled", doubled.build())
            .id(8)
            .attribute("method", "hello")
            .attribute("tenant", "free")
            .mutable(),
        Sample::one_way("one-way", one_way.build()).mutable(),
    ]
}

fn answers() -> Vec<Sample> {
    let result = Frame::result(7, "hello, world").header("trace", "1");
    let error = Frame::error(7, 7, "at fault");
    let refused = Frame::error(7, 1000, "no such user");
    vec![
        Sample::response("result", result.build())
            .id(7)
            .attribute("trace", "1")
            .answers(call().build())
            .length_field(LengthField::new(0, 4).smallest(12))
            .mutable(),
        Sample::response("error", error.build())
            .id(7)
            .status(Status::Error)
            .mutable(),
        Sample::response("refused", refused.build())
            .id(7)
            .status(Status::BusinessException)
            .mutable(),
    ]
}

fn control() -> Vec<Sample> {
    let sample = |name: &str, role, kind, frame: Frame| {
        Sample::new(name, role, kind, frame.build())
            .id(frame.id.into())
            .mutable()
    };
    let goodbye = MessageKind::Event(Event::Drain);
    let ping = || Frame::new(Kind::Ping, 5);
    vec![
        sample("ping", Role::Downstream, MessageKind::Ping, ping()),
        sample("server's ping", Role::Upstream, MessageKind::Ping, ping()),
        sample(
            "pong",
            Role::Upstream,
            MessageKind::Pong,
            Frame::new(Kind::Pong, 5),
        ),
        sample(
            "goodbye",
            Role::Upstream,
            goodbye,
            Frame::new(Kind::Goodbye, 0),
        ),
    ]
}
