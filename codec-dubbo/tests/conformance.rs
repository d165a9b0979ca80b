//! The codec keeps every rule of the kit.

use std::time::Duration;

use codec_dubbo::{
    Dubbo, DubboConfig,
    wire::{self, RequestBuilder, ResponseBuilder, Serialization, Value, Writer, message},
};
use meta_codec_test::{Hostile, Kit, LengthField, Rule, Sample, conformance};
use meta_core::{Event, Extension, MessageKind, Role, Status};

conformance!(whole);

const READ: [Serialization; 2] = [Serialization::Hessian2, Serialization::Fastjson2];

/// Everything that clients and servers send.
fn whole() -> Kit {
    let kit = kit().samples(READ.into_iter().flat_map(calls));
    let kit = kit.samples(READ.into_iter().flat_map(|form| answers(form, false)));
    let kit = kit.samples(unread()).samples(events());
    hostile(kit).large(|bytes| {
        let call = RequestBuilder::new("com.example.Store", "store")
            .argument("x".repeat(bytes))
            .build();
        Sample::request("large", call)
            .operation("com.example.Store/store")
            .length_field(length())
    })
}

/// Answers that are changed where they may be: what is set in them is not read
/// back, for attributes of answers are not read at all.
#[test]
fn answers_with_attachments_keep_all_other_rules() {
    let kit = kit().samples(READ.into_iter().flat_map(calls));
    let kit = kit.samples(READ.into_iter().flat_map(|form| answers(form, true)));
    for rule in Rule::ALL {
        if !matches!(
            rule,
            Rule::Mutation | Rule::LargeMessage | Rule::Memory | Rule::Control
        ) {
            kit.assert(rule);
        }
    }
}

fn kit() -> Kit {
    let factory = Dubbo.configure(DubboConfig::default());
    Kit::of(factory.expect("a good configuration"))
}

fn length() -> LengthField {
    LengthField::new(12, 4)
}

fn call(form: Serialization) -> RequestBuilder {
    RequestBuilder::new("com.example.Greeter", "sayHello")
        .serialization(form)
        .version("1.2.0")
        .attachment("timeout", "3000")
        .attachment("remote.application", "consumer")
        .argument("world")
}

fn calls(form: Serialization) -> Vec<Sample> {
    let name = |what: &str| format!("{form:?}: {what}");
    let whole = call(form).id(7).attachment("tag", "canary");
    let pojo = RequestBuilder::new("com.example.Orders", "place")
        .serialization(form)
        .id(u64::MAX)
        .argument(order(3))
        .argument(Value::List((0..20).map(order).collect()))
        .argument(Value::Map(vec![
            (1.into(), order(4)),
            ("k".into(), Value::Null),
        ]))
        .attachment("group", "blue");
    let generic = RequestBuilder::new("com.example.Greeter", "$invoke")
        .serialization(form)
        .id(1 << 40)
        .descriptor("Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;")
        .argument("sayHello")
        .argument(Value::List(vec!["java.lang.String".into()]))
        .argument(Value::List(vec!["world".into()]))
        .attachment("generic", "true");
    let mixed = call(form)
        .attachment("retries", 3)
        .attachment("weight", 7_i64)
        .attachment("sampled", true)
        .attachment("user", order(1))
        .attachment("nothing", Value::Null)
        .attachment("größe", "groß 😀");
    let bare = RequestBuilder::new("com.example.Greeter", "ping")
        .serialization(form)
        .id(9)
        .body_version(None)
        .without_attachments();
    let one_way = call(form).id(3).one_way();
    vec![
        Sample::request(name("call"), whole.build())
            .id(7)
            .operation("com.example.Greeter/sayHello")
            .attribute("interface", "com.example.Greeter")
            .attribute("method", "sayHello")
            .attribute("version", "1.2.0")
            .attribute("dubbo_version", "2.0.2")
            .attribute("tag", "canary")
            .timeout(Duration::from_secs(3))
            .length_field(length())
            .mutable(),
        Sample::request(name("objects"), pojo.build())
            .id(u64::MAX)
            .operation("com.example.Orders/place")
            .attribute("group", "blue")
            .attribute("version", "0.0.0")
            .length_field(length())
            .mutable(),
        Sample::request(name("generic"), generic.build())
            .id(1 << 40)
            .operation("com.example.Greeter/sayHello")
            .attribute("method", "sayHello")
            .attribute("invoked_method", "$invoke")
            .attribute("generic", "true")
            .mutable(),
        Sample::request(name("attachments of all types"), mixed.build())
            .attribute("größe", "groß 😀")
            .timeout(Duration::from_secs(3))
            .mutable(),
        Sample::request(name("no attachments"), bare.build())
            .id(9)
            .attribute("version", "0.0.0")
            .length_field(length())
            .mutable(),
        Sample::one_way(name("one-way"), one_way.build())
            .id(3)
            .operation("com.example.Greeter/sayHello")
            .timeout(Duration::from_secs(3))
            .length_field(length())
            .mutable(),
    ]
}

fn order(number: i32) -> Value {
    let line = Value::object(
        "com.example.Line",
        [("name", "bolt".into()), ("price", Value::Double(0.25))],
    );
    Value::object(
        "com.example.Order",
        [
            ("number", number.into()),
            ("at", Value::Date(1_700_000_000_000)),
            ("lines", Value::List(vec![line.clone(), line])),
            ("blob", Value::Binary(vec![7; 40])),
        ],
    )
}

fn exception() -> Value {
    let frame = Value::object(
        "java.lang.StackTraceElement",
        [
            ("declaringClass", "com.example.A".into()),
            ("lineNumber", 7.into()),
        ],
    );
    Value::object(
        "java.lang.IllegalStateException",
        [
            ("detailMessage", "no such user".into()),
            ("stackTrace", Value::List(vec![frame; 9])),
        ],
    )
}

/// Every kind of answer with every type of value.
fn answers(form: Serialization, with_attachments: bool) -> Vec<Sample> {
    let values = [
        ("string", Value::from("hello world")),
        ("int", 42.into()),
        ("map", Value::Map(vec![("a".into(), 1.into())])),
        ("list", Value::List(vec!["a".into(), Value::Null])),
        ("object", order(5)),
        ("null", Value::Null),
    ];
    let answer = |what: &str, answer: ResponseBuilder| {
        let answer = answer.id(7).serialization(form);
        let answer = match with_attachments {
            true => answer.attachment("traced", "yes"),
            false => answer,
        };
        let sample = Sample::response(format!("{form:?}: {what}"), answer.build())
            .id(7)
            .length_field(length());
        match with_attachments {
            true => sample.answers(call(form).id(7).build()),
            false => sample,
        }
    };
    let good = values
        .into_iter()
        .map(|(what, value)| answer(what, ResponseBuilder::value(value)));
    let bad = answer("exception", ResponseBuilder::exception(exception()));
    good.chain([bad.status(Status::BusinessException)])
        .collect()
}

/// What is carried, but not read.
fn unread() -> Vec<Sample> {
    let java = Serialization::Other(7);
    let garbage = b"\xac\xed\0\x05t\0\x05hello";
    let mut cut = Writer::new(Serialization::Hessian2);
    cut.string("2.0.2");
    cut.raw(&[0x40]);
    let errors = [31, 40, 50, 60, 70, 80, 90, 100, 25].map(|status| {
        let error = ResponseBuilder::error(status, "it failed").id(7).build();
        Sample::response(format!("status {status}"), error)
            .id(7)
            .status(Status::Error)
            .length_field(length())
    });
    let mut samples = vec![
        Sample::request("native Java: call", message(0xc0, 0, 5, java, garbage))
            .id(5)
            .length_field(length()),
        Sample::one_way("native Java: one-way", message(0x80, 0, 5, java, garbage)).id(5),
        Sample::response("native Java: answer", message(0, 20, 5, java, garbage)).id(5),
        Sample::request(
            "an unknown tag",
            message(0xc0, 0, 6, Serialization::Hessian2, &cut.into_bytes()),
        )
        .id(6),
        Sample::response(
            "an unknown tag in an answer",
            message(0, 20, 6, Serialization::Hessian2, b"\x91\x40"),
        )
        .id(6),
    ];
    samples.extend(errors);
    samples
}

fn events() -> Vec<Sample> {
    let fastjson = |flags, status, body| message(flags, status, 4, Serialization::Fastjson2, body);
    let null = b"\0\0\0\x01\xaf";
    let java = Serialization::Other(7);
    let long = message(0xe0, 0, 4, java, b"\xac\xed\0\x05ur\0\x01xp\0");
    let both = [Role::Downstream, Role::Upstream]
        .into_iter()
        .flat_map(|role| {
            let event = |event| MessageKind::Event(event);
            let sample = |what: &str, kind, bytes| {
                Sample::new(format!("{what} to {role:?}"), role, kind, bytes)
            };
            [
                sample("heartbeat", MessageKind::Ping, wire::ping(4))
                    .id(4)
                    .length_field(length().smallest(0)),
                sample("its answer", MessageKind::Pong, wire::pong(4)).id(4),
                sample("read-only", event(Event::Drain), wire::readonly()).id(2),
                sample("writeable", event(Event::Resume), wire::writeable()).id(2),
            ]
        });
    let mut samples: Vec<Sample> = both.collect();
    let ping =
        |what: &str, bytes| Sample::new(what, Role::Downstream, MessageKind::Ping, bytes).id(4);
    samples.extend([
        ping("fastjson2: heartbeat", fastjson(0xe0, 0, null)),
        ping(
            "native Java: heartbeat",
            message(0xe0, 0, 4, java, b"\xac\xed\0\x05p"),
        ),
        ping("a long heartbeat", long),
        Sample::new(
            "fastjson2: pong",
            Role::Upstream,
            MessageKind::Pong,
            fastjson(0x20, 20, null),
        )
        .id(4),
    ]);
    samples
}

fn hostile(kit: Kit) -> Kit {
    let hessian = Serialization::Hessian2;
    let refused: [(&str, Vec<u8>); 4] = [
        ("half the magic", b"\xda\xbc".to_vec()),
        ("telnet", b"status -l\r\n".to_vec()),
        ("an empty call", message(0xc0, 0, 1, hessian, b"")),
        (
            "an event of 16 bytes",
            message(0xe0, 0, 1, hessian, &[b'N'; 16]),
        ),
    ];
    let kit = refused.into_iter().fold(kit, |kit, (what, bytes)| {
        kit.hostile(Hostile::new(what, Role::Downstream, bytes.clone()))
            .hostile(Hostile::new(what, Role::Upstream, bytes))
    });
    let mut announced = message(0xc0, 0, 1, hessian, b"\x052.0.2");
    announced.splice(12..16, (8_u32 << 20).to_be_bytes());
    kit.hostile(Hostile::bomb(
        "a body of 8 MiB",
        Role::Downstream,
        announced,
    ))
    .hostile(Hostile::new(
        "deep nesting",
        Role::Downstream,
        nested(&[0x79], 65),
    ))
    .hostile(Hostile::new(
        "deep fixed lists",
        Role::Downstream,
        nested(b"\x57", 70),
    ))
    .hostile(Hostile::new(
        "another path in the attachments",
        Role::Downstream,
        call(hessian)
            .attachment("path", "com.example.Admin")
            .build(),
    ))
}

/// A call whose argument nests.
fn nested(open: &[u8], depth: usize) -> Vec<u8> {
    let mut body = Writer::new(Serialization::Hessian2);
    for text in ["2.0.2", "a", "1", "m", "Ljava/util/List;"] {
        body.string(text);
    }
    body.raw(&open.repeat(depth));
    message(0xc0, 0, 1, Serialization::Hessian2, &body.into_bytes())
}
