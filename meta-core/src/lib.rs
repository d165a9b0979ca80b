#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod attributes;
mod codec;
mod connection_attribute;
mod extension;
mod extensions;
mod filter;
mod frame_buf;
mod limits;
mod local_reply;
mod matcher;
mod message;
mod metadata;
mod mutation;
mod request;
mod request_log;
mod route;
mod session;
pub mod stats;
mod tls_info;
mod wire;

// The public interface is:
pub use crate::{
    attributes::{Attributes, Text},
    codec::{
        Capabilities, Codec, CodecError, CodecErrorKind, CodecFactory, Control, Correlation,
        Decoded, EncodeContext, Encoded, IdSpace, Role, Sharing,
    },
    connection_attribute::ConnectionAttribute,
    extension::{ConfigError, Extension},
    extensions::Extensions,
    filter::{
        BoxFuture, BoxLayer, BoxService, Filter, FilterFactory, FilterLayer, FilterService, Flow,
        Outcome, ResponseFuture, Verdict, filter_factory, filter_layer,
    },
    frame_buf::FrameBuf,
    limits::Limits,
    local_reply::{LocalReply, Origin, ReplyKind},
    matcher::{InvalidRegex, MetadataMatcher, Rule},
    message::{Message, take_frame},
    metadata::{CodecSlot, Event, MessageKind, Metadata, SharedMetadata, Status},
    mutation::{Change, Mutation},
    request::{Address, Place, Request, Response, UpstreamInfo},
    request_log::{EndedRequest, Journal, Notes, RequestLog},
    route::{Destination, Fraction, Mirror, ResolveRoute, ResolvedRoute, Route},
    session::{Answer, ConnectionInfo, PinKey, Push, Session, SessionClosed},
    tls_info::{PeerCertificate, TlsInfo},
    wire::{WireForm, WireId, WorkerId},
};
