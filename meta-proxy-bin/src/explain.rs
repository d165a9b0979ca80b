//! Which route a request would take, and why: for the command line and the admin.

use std::fmt;

use meta_router::{Explanation, RouteTable};
use serde_json::Value;

mod call;
mod chain;
mod json;
mod text;

pub(crate) use self::{call::Call, chain::choose};

/// What a call is held against.
pub(crate) struct Place<'a> {
    pub(crate) listener: &'a str,
    /// As [`choose`] was told of it.
    pub(crate) chain: &'a str,
    pub(crate) table: &'a RouteTable,
}

/// What came of it; its `Display` is for people.
pub(crate) struct Explained<'a> {
    place: &'a Place<'a>,
    call: &'a Call,
    explanation: Explanation<'a>,
}

impl Place<'_> {
    pub(crate) fn explain<'a>(&'a self, call: &'a Call) -> Explained<'a> {
        let connection = |attribute| call.of_connection(attribute);
        Explained {
            place: self,
            call,
            explanation: self.table.explain_with(call.metadata(), connection),
        }
    }
}

impl Explained<'_> {
    /// Whether a route matches.
    pub(crate) fn has_route(&self) -> bool {
        self.explanation.matched().is_some()
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json::of(self)
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}
