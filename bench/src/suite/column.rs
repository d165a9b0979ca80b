//! What the comparison's columns are: peers, or one peer in several forms.

use std::fmt;

use serde::Serialize;

use super::peer::Peer;
use crate::protocol::Form;

/// A peer, and the form of the protocol that goes through it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Column {
    pub(crate) peer: Peer,
    /// Absent where forms are not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) form: Option<Form>,
}

impl Column {
    /// A peer with the protocol's usual form.
    pub(crate) const fn of(peer: Peer) -> Self {
        Self { peer, form: None }
    }

    /// Our proxy with a form.
    pub(crate) const fn ours_in(form: Form) -> Self {
        Self {
            peer: Peer::Ours,
            form: Some(form),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            Some(form) => form.fmt(f),
            None => self.peer.fmt(f),
        }
    }
}
