//! `--print-bootstrap`: the way from a command line to a file.

use std::io::{self, Write as _};

use meta_codec::UpstreamConfig;
use meta_core::{Address, Route};
use serde_json::Value;

use super::QuickArguments;
use crate::{
    cli::{Failure, address::AdminAddress},
    config::Snapshot,
    document::Document,
    registry::Registry,
};

impl QuickArguments {
    /// Prints a bootstrap for `run`, and tells what it cannot say.
    pub(super) fn print_bootstrap(&self, registry: &Registry) -> Result<(), Failure> {
        let bootstrap = self.bootstrap(registry, &self.snapshot()?);
        let text = serde_json::to_string_pretty(&bootstrap)?;
        for (flag, _) in self.unsaid().into_iter().filter(|(_, given)| *given) {
            eprintln!("warning: a bootstrap cannot say {flag}");
        }
        for (flag, _) in self.to_be_told().into_iter().filter(|(_, given)| *given) {
            eprintln!("note: `run` has to be told {flag}, too");
        }
        writeln!(io::stdout(), "{text}")?;
        Ok(())
    }

    /// What no field of a bootstrap is for, and whether it is asked for.
    fn unsaid(&self) -> [(&'static str, bool); 5] {
        let default = UpstreamConfig::default().heartbeat;
        let interval = default.map_or(0, |heartbeat| heartbeat.interval.as_millis());
        let timeout = Route::DEFAULT_TIMEOUT.as_millis();
        [
            ("--exclusive", self.exclusive),
            ("--shared-connections", self.shared_connections.is_some()),
            ("--heartbeat-ms", u128::from(self.heartbeat_ms) != interval),
            (
                "--request-timeout-ms",
                u128::from(self.request_timeout_ms) != timeout,
            ),
            ("--pin", self.pin),
        ]
    }

    /// What `run` is told on its command line.
    fn to_be_told(&self) -> [(&'static str, bool); 3] {
        [
            ("--concurrency", self.concurrency.is_some()),
            ("--drain-time-s", self.drain_time_s != 10),
            ("--lame-duck-time-s", self.lame_duck_time_s != 0),
        ]
    }

    /// What `snapshot` says, as a bootstrap.
    fn bootstrap(&self, registry: &Registry, snapshot: &Snapshot) -> Value {
        let document = Document {
            registry,
            clusters: &snapshot.clusters,
        };
        let addresses = std::slice::from_ref(&self.listen);
        let listeners = snapshot.listeners.iter().map(|own| (own, addresses));
        let admin = match self.admin {
            AdminAddress::At(address) => Some(Address::Ip(address)),
            AdminAddress::Off => None,
        };
        document.bootstrap(listeners, admin.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use meta_rds::{Loader, Source, render_routes};

    use super::*;
    use crate::{Proxy, config::ListenerConfig};

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        quick: QuickArguments,
    }

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.codec(codec_dubbo::Dubbo).expect("it is empty");
        registry.codec(codec_thrift::Thrift).expect("another name");
        registry
    }

    /// What there is to compare, but for routes, which know no equality.
    fn shown(snapshot: &Snapshot, registry: &Registry) -> (Vec<String>, Vec<Value>) {
        let mut routes = Vec::new();
        let mut show = |listener: &ListenerConfig| {
            let mut listener = listener.clone();
            for chain in &mut listener.chains {
                chain.codec.name = registry.codec_names(&chain.codec.name).0.to_owned();
                routes.push(render_routes(&chain.routes));
                for (_, route) in chain.routes.routes() {
                    assert_eq!(route.effective_timeout(), Some(Route::DEFAULT_TIMEOUT));
                }
                chain.routes = meta_router::RouteTable::empty("").into();
            }
            format!("{listener:?}")
        };
        let mut lines: Vec<_> = snapshot.listeners.iter().map(&mut show).collect();
        lines.extend(snapshot.clusters.iter().map(|own| format!("{own:?}")));
        (lines, routes)
    }

    #[test]
    fn the_file_says_what_the_command_line_says() {
        let commands = [
            "--protocol thrift --listen 127.0.0.1:1 --upstream 127.0.0.1:2,[::1]:3",
            "--protocol dubbo --listen unix:/a.sock --upstream unix:/b.sock --admin off",
            "--protocol thrift --listen [::1]:1 --upstream localhost:2,127.0.0.1:3 \
             --multiplexing --max-connections 9 --idle-timeout-ms 1500 --codec-config {\"transport\":\"header\"} \
             --access-log /a.log --access-log-format %OPERATION%\\n",
        ];
        for command in commands {
            let words = ["quick"].into_iter().chain(command.split_whitespace());
            let quick = Arguments::try_parse_from(words).expect(command).quick;
            let snapshot = quick.snapshot().ok().expect(command);
            let text = quick.bootstrap(&registry(), &snapshot).to_string();
            let loaded = Loader::new().load(&[Source::new("it", text.as_str())]);
            let loaded = loaded.unwrap_or_else(|error| panic!("{command}: {error}\n{text}"));
            assert_eq!(loaded.notes, [], "{command}");
            let admin = match quick.admin {
                AdminAddress::At(address) => Some(address.into()),
                AdminAddress::Off => None,
            };
            assert_eq!(loaded.admin, admin);
            assert_eq!(loaded.listeners[0].address, quick.listen);
            let builder = Proxy::builder(registry()).bootstrap(&loaded);
            let builder = builder.unwrap_or_else(|error| panic!("{command}: {error}\n{text}"));
            let expected = shown(&snapshot, &registry());
            assert_eq!(shown(builder.served(), &registry()), expected, "{command}");
        }
    }
}
