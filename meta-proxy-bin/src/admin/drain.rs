//! `/drain_listeners`: no new connections, while the process goes on.

use axum::response::IntoResponse;

use super::pages::{Answer, Asked, Effect, Page};
use crate::supervisor::ListenerDrain;

pub(super) const DRAIN_LISTENERS: Page = Page {
    path: "/drain_listeners",
    effect: Effect::Changes,
    text: "closes the listeners; connections and the process go on",
    queries: &[
        (
            "graceful",
            "tells clients first, and closes the listeners after the drain time",
        ),
        ("skip_exit", "with graceful: does not close them"),
        ("inboundonly", "of the direction INBOUND alone"),
    ],
    answer,
};

fn answer(asked: &Asked<'_>) -> Answer {
    let query = asked.query;
    let drain = match (query.has("graceful"), query.has("skip_exit")) {
        (false, true) => return Err("skip_exit requires graceful".to_owned()),
        (false, false) => ListenerDrain::Close,
        (true, skip_exit) => ListenerDrain::Graceful {
            time: asked.shared.about.drain_time,
            close: !skip_exit,
        },
    };
    asked
        .shared
        .drain_listeners(drain, query.has("inboundonly"));
    Ok("OK\n".into_response())
}
