//! What happens to a subscription.

/// Something that happened to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<V> {
    pub(crate) type_url: &'static str,
    pub(crate) name: String,
    pub(crate) kind: EventKind<V>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventKind<V> {
    /// It is there, or is another one than before.
    Updated {
        version: String,
        value: V,
        canonical: bytes::Bytes,
    },
    /// It came again, and means what it meant.
    Unchanged { version: String },
    /// What came is wrong; the last good one stays.
    Refused { version: String, reason: String },
    /// The server answered, and had nothing of this type.
    Empty,
    /// The server says that there is none, or no longer.
    Removed,
    /// The server did not say in time that it holds still.
    Expired,
    /// There was none within the time its first fetch may take.
    FetchTimedOut,
    /// The connection failed, or ended.
    Disconnected { reason: String },
}
