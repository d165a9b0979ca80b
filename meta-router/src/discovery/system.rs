//! Resolving by DNS and the hosts file.

use std::{
    collections::HashMap,
    fmt, fs,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use foldhash::fast::RandomState;
use hickory_resolver::{
    Hosts, TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::Query,
        rr::{IntoName, Name, Record, RecordType},
    },
};
use meta_core::BoxFuture;

use super::resolve::{DnsAnswer, DnsError, DnsQuery, IpFamily, Resolve};

/// Where the system keeps names of its own.
const HOSTS_FILE: &str = "/etc/hosts";

/// Asks the system's name servers, or those of the query, over UDP, and over TCP where
/// an answer does not fit.
///
/// A name in `/etc/hosts` has the addresses that stand there and no others. That file
/// is read again when it changes, `/etc/resolv.conf` is not. Servers are asked again
/// after 5 s, unless `/etc/resolv.conf` says otherwise, until the time for a question
/// is over. Answers are not cached: who asks knows when.
pub struct DnsResolver {
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_servers: HashMap<Vec<SocketAddr>, TokioResolver, RandomState>,
    hosts: Arc<Hosts>,
    hosts_changed: Option<SystemTime>,
}

impl DnsResolver {
    /// One that has read nothing yet, and gives a question 10 s.
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            state: Mutex::default(),
        }
    }

    /// Gives a question so much time, over all servers and attempts.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn ask(&self, query: DnsQuery<'_>) -> Result<DnsAnswer, DnsError> {
        let name = query.name.into_name().map_err(failed)?;
        let (resolver, hosts) = self.prepare(query.resolvers)?;
        if let Some(answer) = from_hosts(&hosts, &name, query.family) {
            return Ok(answer);
        }
        match resolver.lookup(name, record_type(query.family)).await {
            Ok(lookup) => Ok(answer(lookup.answers(), query.family)),
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
                Ok(DnsAnswer::default())
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn prepare(&self, servers: &[SocketAddr]) -> Result<(TokioResolver, Arc<Hosts>), DnsError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = fs::metadata(HOSTS_FILE)
            .and_then(|file| file.modified())
            .ok();
        if changed != state.hosts_changed {
            state.hosts_changed = changed;
            state.hosts = Arc::new(Hosts::from_system().unwrap_or_default());
        }
        let resolver = match state.by_servers.get(servers) {
            Some(resolver) => resolver.clone(),
            None => {
                let resolver = build(servers).map_err(failed)?;
                state.by_servers.insert(servers.to_vec(), resolver.clone());
                resolver
            }
        };
        Ok((resolver, state.hosts.clone()))
    }
}

impl Resolve for DnsResolver {
    fn resolve<'a>(&'a self, query: DnsQuery<'a>) -> BoxFuture<'a, Result<DnsAnswer, DnsError>> {
        Box::pin(async move {
            let asked = tokio::time::timeout(self.timeout, self.ask(query));
            let late = |_| {
                Err(DnsError::new(format!(
                    "no answer within {:?}",
                    self.timeout
                )))
            };
            asked.await.unwrap_or_else(late)
        })
    }
}

impl Default for DnsResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DnsResolver")
    }
}

fn build(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = match servers {
        [] => TokioResolver::builder(provider)?,
        servers => {
            let servers = servers.iter().map(|server| {
                let mut config = NameServerConfig::udp_and_tcp(server.ip());
                for connection in &mut config.connections {
                    connection.port = server.port();
                }
                config
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, provider)
        }
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build()
}

fn from_hosts(hosts: &Hosts, name: &Name, family: IpFamily) -> Option<DnsAnswer> {
    let lookup = |family| {
        let query = Query::query(name.clone(), record_type(family));
        hosts.lookup_static_host(&query)
    };
    let other = match family {
        IpFamily::V4 => IpFamily::V6,
        IpFamily::V6 => IpFamily::V4,
    };
    let mut found = match lookup(family) {
        Some(lookup) => answer(lookup.answers(), family),
        None => lookup(other).map(|_| DnsAnswer::default())?,
    };
    // Nothing is said of that.
    found.ttl = Duration::ZERO;
    Some(found)
}

fn answer(records: &[Record], family: IpFamily) -> DnsAnswer {
    let addresses = records.iter().filter_map(|record| record.data.ip_addr());
    let wanted = addresses.filter(|ip| ip.is_ipv4() == (family == IpFamily::V4));
    let ttl = records.iter().map(|record| record.ttl).min();
    DnsAnswer {
        addresses: wanted.collect(),
        ttl: Duration::from_secs(ttl.unwrap_or_default().into()),
    }
}

fn record_type(family: IpFamily) -> RecordType {
    match family {
        IpFamily::V4 => RecordType::A,
        IpFamily::V6 => RecordType::AAAA,
    }
}

fn failed(error: impl fmt::Display) -> DnsError {
    DnsError::new(error.to_string())
}
