//! A proxy as its users see it: through the library, the program and the admin.

mod access_log;
mod admin;
mod bootstraps;
mod captured;
mod cli;
mod demo;
mod drain;
mod explain;
mod faults;
mod filters;
mod http;
mod listeners;
mod live;
mod names;
mod program;
mod quick;
mod rds_server;
mod rest;
mod run;
mod serve;
mod start;
mod thrift;
mod thrift_streams;
mod toy;
mod upstream_tls;
mod watch;
