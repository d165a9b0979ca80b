//! Thrift messages built and read by hand, for tests, tools and examples.
//!
//! Strings and 32-bit numbers are all that fields can be here.
//!
//! ```
//! use codec_thrift::wire::{Form, MessageBuilder, MessageType, Parsed, Protocol, Transport};
//!
//! let form = Form::new(Transport::Framed, Protocol::Binary);
//! let call = MessageBuilder::call(form, "sayHello").seqid(7).string(1, "world").build();
//! let call = Parsed::read(&call).expect("a whole message");
//! assert_eq!((call.kind, call.name.as_str(), call.seqid), (MessageType::Call, "sayHello", 7));
//! assert_eq!(call.string(1), Some("world"));
//! ```

mod builder;
mod field;
mod json;
mod parsed;

pub(crate) use self::parsed::Opened;
pub use self::{builder::MessageBuilder, parsed::Parsed};
pub use crate::{
    form::{Form, Protocol, Transport},
    head::MessageType,
};
