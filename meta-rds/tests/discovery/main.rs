//! Routes from control planes and files, over a network and a file system.

mod file;
mod go_control_plane;
mod live;
mod nonsense;
mod outage;
mod scripted;
mod support;
