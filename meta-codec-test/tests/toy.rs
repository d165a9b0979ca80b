//! The toy protocol keeps every rule, in each of its variants.

use std::time::Duration;

use meta_codec_test::{
    Hostile, Kit, LengthField, Sample, conformance,
    toy::{Frame, Toy},
};
use meta_core::{Event, MessageKind, Role, Status};

conformance!(by_id);

mod in_order {
    meta_codec_test::conformance!(super::in_order, tests only);
}

mod one_at_a_time {
    meta_codec_test::conformance!(super::one_at_a_time, tests only);
}

fn by_id() -> Kit {
    let ping = Frame::new(MessageKind::Ping, 5, "").encode();
    let open = Frame::new(MessageKind::StreamInit, 3, "open").encode();
    let close = Frame::new(MessageKind::StreamClose, 3, "").encode();
    let drain = Frame::new(MessageKind::Event(Event::Drain), 0, "").encode();
    let callback = Frame::request(9, "callback").encode();
    kit(Toy::by_id(), 7).samples([
        Sample::new("ping", Role::Downstream, MessageKind::Ping, ping)
            .id(5)
            .mutable(),
        Sample::new("open", Role::Downstream, MessageKind::StreamInit, open)
            .id(3)
            .stream(3)
            .mutable(),
        Sample::new("close", Role::Upstream, MessageKind::StreamClose, close)
            .id(3)
            .stream(3)
            .mutable(),
        Sample::new(
            "drain",
            Role::Upstream,
            MessageKind::Event(Event::Drain),
            drain,
        )
        .mutable(),
        Sample::new("callback", Role::Upstream, MessageKind::Request, callback)
            .id(9)
            .mutable(),
    ])
}

fn in_order() -> Kit {
    kit(Toy::in_order(), 0)
}

fn one_at_a_time() -> Kit {
    kit(Toy::one_at_a_time(), 0)
}

fn kit(toy: Toy, id: u64) -> Kit {
    let call = Frame::request(id, "body")
        .header("service", "greeter")
        .header("method", "greet")
        .header("timeout-ms", "150");
    let one_way = Frame::new(MessageKind::OneWay, id, "fire and forget");
    let good = Frame::response(id, "hello").header("trace", "1");
    let bad = Frame::response(id, "boom").header("status", "error");
    let refused = Frame::response(id, "no").header("status", "business");
    let form = Frame::request(id, "other form").header("form", "2");
    let length = LengthField::new(4, 4).smallest(12);
    let headers = LengthField::new(16, 4).smallest(0);
    Kit::new(toy)
        .samples([
            Sample::request("call", call.encode())
                .id(id)
                .operation("greeter/greet")
                .attribute("method", "greet")
                .timeout(Duration::from_millis(150))
                .mutable()
                .length_field(length)
                .inner_length_field(headers),
            Sample::one_way("one-way", one_way.encode())
                .id(id)
                .mutable(),
            Sample::request("other form", form.encode())
                .id(id)
                .mutable(),
            Sample::response("good", good.encode())
                .id(id)
                .answers(call.encode())
                .mutable()
                .length_field(length),
            Sample::response("bad", bad.encode())
                .id(id)
                .status(Status::Error)
                .mutable(),
            Sample::response("refused", refused.encode())
                .id(id)
                .status(Status::BusinessException)
                .mutable(),
        ])
        .hostile(Hostile::new(
            "unknown kind",
            Role::Downstream,
            *b"TY\x63\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0",
        ))
        .hostile(Hostile::new(
            "header longer than the header area",
            Role::Downstream,
            *b"TY\0\0\0\0\0\x0f\0\0\0\0\0\0\0\0\0\0\0\x03\0\xffa",
        ))
        .hostile(Hostile::bomb(
            "a frame of 32 MiB",
            Role::Upstream,
            *b"TY\x02\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ))
        .large(|bytes| {
            let frame = Frame::request(0, vec![b'x'; bytes]).header("method", "store");
            Sample::request("large", frame.encode())
                .mutable()
                .length_field(LengthField::new(4, 4))
        })
}
