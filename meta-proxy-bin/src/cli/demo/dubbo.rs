//! Dubbo: routes by interface, method and an attachment.

use anyhow::{Context as _, bail};
use codec_dubbo::wire::{self, Answer, RequestBuilder, ResponseBuilder, Value};
use meta_core::{MetadataMatcher, Route, Rule};
use meta_router::RouteEntry;

use super::{
    protocol::{Call, Protocol, cluster, greet, greeting},
    split,
};

/// Dubbo 2 with hessian2.
#[derive(Clone, Copy)]
pub(super) struct Dubbo;

const GREETER: &str = "com.example.Greeter";
const FAREWELL: &str = "com.example.Farewell";
const SERVICE_NOT_FOUND: u8 = 60;

impl Protocol for Dubbo {
    const NAME: &'static str = "dubbo";
    const ROUTES: &'static [&'static str] = &[
        "interface com.example.Greeter, attachment tag: canary -> v2",
        "interface com.example.Greeter, method sayHello        -> v1 90 %, v2 10 %",
        "any other                                             -> v1",
    ];

    fn routes(self) -> Vec<RouteEntry> {
        let of = |name: &str, value: &str| MetadataMatcher::new(name, Rule::Exact(value.into()));
        let greeter = |also| vec![of("interface", GREETER), also];
        let to = |name: &str, version| Route::to_cluster(name, cluster::<Self>(version));
        vec![
            RouteEntry::new(greeter(of("tag", "canary")), to("canary", "v2")),
            RouteEntry::new(greeter(of("method", "sayHello")), split::<Self>()),
            RouteEntry::new(Vec::new(), to("stable", "v1")),
        ]
    }

    fn calls(self) -> Vec<Call> {
        let call = |interface, method, tag| Call {
            interface,
            method,
            name: "",
            tag,
        };
        greet(10, &call(GREETER, "sayHello", None))
            .chain(greet(1, &call(GREETER, "sayHello", Some("canary"))))
            .chain(greet(1, &call(FAREWELL, "sayGoodbye", None)))
            .collect()
    }

    fn length(self, bytes: &[u8]) -> Option<usize> {
        let length = bytes.get(12..16)?.try_into().ok()?;
        Some(u32::from_be_bytes(length) as usize + 16)
    }

    fn write_call(self, number: u32, call: &Call) -> Vec<u8> {
        let request = RequestBuilder::new(call.interface, call.method)
            .id(number.into())
            .argument(call.name);
        match call.tag {
            Some(tag) => request.attachment("tag", tag),
            None => request,
        }
        .build()
    }

    fn read_answer(self, number: u32, answer: &[u8]) -> anyhow::Result<String> {
        let answer = Answer::read(answer).context("the reply is no Dubbo response")?;
        if let Some(error) = answer.error {
            bail!("the call failed: {error} (status {})", answer.status);
        }
        if answer.id != u64::from(number) {
            bail!("the reply is to something else");
        }
        match answer.value {
            Some(Value::String(text)) => Ok(text),
            _ => bail!("the reply has no result"),
        }
    }

    fn answer(self, call: &[u8], version: &str) -> Option<Vec<u8>> {
        let call = wire::Call::read(call)?;
        let name = call.arguments.first().and_then(Option::as_deref);
        let answer = match greeting(&call.method, name.unwrap_or("stranger"), version) {
            Some(text) => ResponseBuilder::value(text),
            None => ResponseBuilder::error(SERVICE_NOT_FOUND, "unknown method"),
        };
        Some(answer.id(call.id).build())
    }
}
