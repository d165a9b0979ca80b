//! Subscriptions to a control plane: what is asked, what is answered, and when. Pure:
//! there is no network in it, no clock and no chance; all three are handed in.
//!
//! - What is right in a response is taken, what is wrong is refused with the reason,
//!   and the last good one of it stays. A response with something wrong in it is
//!   answered by a NACK, which tells the last version that was good.
//! - Every response has exactly one answer, those of types nobody asked for too: a
//!   server sends the next only after it.
//! - A first refusal is told at once. A server that sends the same again is answered
//!   after a while that grows, and refusals are never told more often than that.
//! - Nothing that a server leaves out, takes back or lets run out takes effect here:
//!   that is told as an event, and whoever has the resource decides.

mod backoff;
mod client;
mod event;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    backoff::Backoff,
    client::{Client, Request, Response},
    event::{Event, EventKind},
    settings::{Decoded, Mode, ResourceType, Settings},
};
