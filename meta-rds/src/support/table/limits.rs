//! The fields of what bounds connections.

use super::{
    Fields,
    Support::{NoEffect, NotYet, Works},
    UNUSED,
};

pub(super) const LAYERED_RUNTIME: Fields = &[("layers", Works)];

pub(super) const RUNTIME_LAYER: Fields = &[
    ("name", Works),
    ("static_layer", Works),
    (
        "disk_layer",
        NoEffect("no effect: the runtime has static layers alone"),
    ),
    (
        "admin_layer",
        NoEffect("no effect: the runtime has static layers alone"),
    ),
    (
        "rtds_layer",
        NoEffect("no effect: the runtime has static layers alone"),
    ),
];

pub(super) const OVERLOAD_MANAGER: Fields = &[
    ("resource_monitors", Works),
    ("refresh_interval", UNUSED),
    ("actions", NotYet("overload actions are")),
    ("loadshed_points", NotYet("points of load shedding are")),
    (
        "buffer_factory_config",
        NotYet("accounts of buffered bytes are"),
    ),
];

pub(super) const RESOURCE_MONITOR: Fields = &[("name", Works), ("typed_config", Works)];
