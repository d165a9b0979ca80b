//! Dubbo messages built and read by hand, for tests, tools and examples.
//!
//! ```
//! use codec_dubbo::wire::{Answer, Call, Kind, RequestBuilder, ResponseBuilder, Value};
//!
//! let call = RequestBuilder::new("com.example.Greeter", "sayHello")
//!     .id(7)
//!     .argument("world")
//!     .attachment("tag", "canary")
//!     .build();
//! assert_eq!(&call[..2], [0xda, 0xbb]);
//! let call = Call::read(&call).expect("a whole request");
//! assert_eq!((call.id, &*call.method), (7, "sayHello"));
//! assert_eq!(call.arguments, [Some("world".to_owned())]);
//! assert_eq!(call.attachment("tag"), Some("canary"));
//!
//! let answer = ResponseBuilder::value("hello world").id(7).attachment("a", "b").build();
//! let answer = Answer::read(&answer).expect("a whole response");
//! assert_eq!((answer.id, answer.status, answer.kind), (7, 20, Some(Kind::ValueWithAttachments)));
//! assert_eq!(answer.value, Some(Value::from("hello world")));
//! assert_eq!(answer.attachment("a"), Some("b"));
//! ```

mod answer;
mod call;
mod request;
mod response;
mod value;
mod writer;

pub use self::{
    answer::Answer,
    call::Call,
    request::RequestBuilder,
    response::{Kind, ResponseBuilder},
    value::Value,
    writer::Writer,
};
pub use crate::head::Serialization;
use crate::head::{EVENT, Head, OK, REQUEST, TWO_WAY};

/// A heartbeat in hessian2.
pub fn ping(id: u64) -> Vec<u8> {
    event(
        REQUEST | TWO_WAY,
        0,
        id,
        Serialization::Hessian2,
        &Value::Null,
    )
}

/// The answer to a heartbeat in hessian2.
pub fn pong(id: u64) -> Vec<u8> {
    event(0, OK, id, Serialization::Hessian2, &Value::Null)
}

/// "Send no new requests", as providers say when they stop.
pub fn readonly() -> Vec<u8> {
    event(REQUEST, 0, 2, Serialization::Hessian2, &Value::from("R"))
}

/// "New requests are welcome again."
pub fn writeable() -> Vec<u8> {
    event(REQUEST, 0, 2, Serialization::Hessian2, &Value::from("W"))
}

/// A heartbeat of another serialization.
pub fn ping_in(serialization: Serialization, id: u64) -> Vec<u8> {
    event(REQUEST | TWO_WAY, 0, id, serialization, &Value::Null)
}

fn event(flags: u8, status: u8, id: u64, serialization: Serialization, data: &Value) -> Vec<u8> {
    let mut body = Writer::new(serialization);
    body.value(data);
    message(flags | EVENT, status, id, serialization, &body.into_bytes())
}

/// A message of the given parts; `flags` without the serialization's number.
///
/// # Panics
///
/// If the body is longer than 4 GiB.
pub fn message(
    flags: u8,
    status: u8,
    id: u64,
    serialization: Serialization,
    body: &[u8],
) -> Vec<u8> {
    assert!(u32::try_from(body.len()).is_ok(), "a body below 4 GiB");
    let head = Head {
        flags: flags | serialization.number(),
        status,
        id,
        body_bytes: body.len(),
    };
    [&head.bytes()[..], body].concat()
}
