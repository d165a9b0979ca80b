//! Thrift: routes by method.

use anyhow::{Context as _, bail};
use codec_thrift::wire::{Form, MessageBuilder, MessageType, Parsed, Protocol as Inner, Transport};
use meta_core::{MetadataMatcher, Route, Rule};
use meta_router::RouteEntry;

use super::{
    protocol::{Call, Protocol, cluster, greet, greeting},
    split,
};

/// Framed binary Thrift.
#[derive(Clone, Copy)]
pub(super) struct Thrift;

/// The type of `TApplicationException` for an unknown method.
const UNKNOWN_METHOD: i32 = 1;

impl Protocol for Thrift {
    const NAME: &'static str = "thrift";
    const ROUTES: &'static [&'static str] = &[
        "method sayHelloBeta -> v2",
        "method sayHello     -> v1 90 %, v2 10 %",
        "any method          -> v1",
    ];

    fn routes(self) -> Vec<RouteEntry> {
        let method = |name: &str| vec![MetadataMatcher::new("method", Rule::Exact(name.into()))];
        let to = |name: &str, version| Route::to_cluster(name, cluster::<Self>(version));
        vec![
            RouteEntry::new(method("sayHelloBeta"), to("beta", "v2")),
            RouteEntry::new(method("sayHello"), split::<Self>()),
            RouteEntry::new(Vec::new(), to("stable", "v1")),
        ]
    }

    fn calls(self) -> Vec<Call> {
        let call = |method| Call {
            interface: "",
            method,
            name: "",
            tag: None,
        };
        greet(10, &call("sayHello"))
            .chain(greet(1, &call("sayHelloBeta")))
            .chain(greet(1, &call("sayGoodbye")))
            .collect()
    }

    fn length(self, bytes: &[u8]) -> Option<usize> {
        let length = bytes.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*length) as usize + 4)
    }

    fn write_call(self, number: u32, call: &Call) -> Vec<u8> {
        let form = Form::new(Transport::Framed, Inner::Binary);
        MessageBuilder::call(form, call.method)
            .seqid(number.cast_signed())
            .string(1, call.name)
            .build()
    }

    fn read_answer(self, number: u32, answer: &[u8]) -> anyhow::Result<String> {
        let answer = Parsed::read(answer).context("the reply is no Thrift message")?;
        if let Some((kind, text)) = answer.exception() {
            bail!("{} failed: {text} (type {kind})", answer.name);
        }
        if (answer.kind, answer.seqid) != (MessageType::Reply, number.cast_signed()) {
            bail!("the reply is to something else");
        }
        let text = answer.string(0).context("the reply has no result")?;
        Ok(text.to_owned())
    }

    fn answer(self, call: &[u8], version: &str) -> Option<Vec<u8>> {
        let call = Parsed::read(call)?;
        let name = call.string(1).unwrap_or("stranger");
        let answer = match greeting(&call.name, name, version) {
            Some(text) => MessageBuilder::reply(call.form, call.name.as_str()).string(0, &text),
            // As Thrift's servers say it.
            None => MessageBuilder::new(call.form, MessageType::Exception, call.name.as_str())
                .string(1, "unknown method")
                .int(2, UNKNOWN_METHOD),
        };
        Some(answer.seqid(call.seqid).build())
    }
}
