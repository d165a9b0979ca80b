//! Configuration.

use std::collections::HashSet;

use meta_core::{ConfigError, Limits};
use serde::Deserialize;

use crate::{
    detect::Family,
    form::{Protocol, Transport},
    head::colon,
};

/// The largest frame that Thrift's own servers take unless they are told
/// otherwise (Go, Java, Python, Node, C++).
const DEFAULT_MAX_MESSAGE_BYTES: usize = 16_384_000;

/// The configuration of the codec. All fields have defaults; unknown ones are
/// errors.
///
/// ```
/// let config: codec_thrift::ThriftConfig = serde_json::from_str(
///     r#"{ "transport": "framed", "oneway_methods": ["notify"] }"#,
/// )?;
/// assert_eq!(config.transport, codec_thrift::TransportChoice::Framed);
/// assert_eq!(config.max_message_bytes, 16_384_000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ThriftConfig {
    /// The transport. Default: `auto`.
    pub transport: TransportChoice,
    /// The protocol. Default: `auto`.
    pub protocol: ProtocolChoice,
    /// The longest message, without the four length bytes of a frame, as servers
    /// count. Default: 16,384,000, the largest frame that Thrift's own servers
    /// take unless they are told otherwise. The listener's limit holds besides.
    pub max_message_bytes: usize,
    /// Methods that are one-way although their clients send them as calls, as Go
    /// does: `method`, or `service:method` for one service only. Default: none.
    pub oneway_methods: Vec<String>,
}

impl Default for ThriftConfig {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            protocol: ProtocolChoice::Auto,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            oneway_methods: Vec::new(),
        }
    }
}

/// Which transport connections use.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TransportChoice {
    /// Told from each connection's first bytes.
    #[default]
    Auto,
    /// Messages behind a length of four bytes.
    Framed,
    /// Bare messages, one behind the other (also called buffered).
    Unframed,
    /// Apache's THeader, and framed and unframed messages among it, as its servers
    /// take them.
    Header,
    /// Kitex's TTHeader.
    TtHeader,
}

/// Which protocol messages are in.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProtocolChoice {
    /// Told from each message's first bytes.
    #[default]
    Auto,
    /// Binary, strict or old.
    Binary,
    /// Compact.
    Compact,
    /// JSON.
    Json,
}

/// The configuration as codecs use it.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) family: Option<Family>,
    pub(crate) protocol: ProtocolChoice,
    max_message_bytes: usize,
    oneway_methods: HashSet<Box<[u8]>>,
}

impl Settings {
    pub(crate) fn new(config: ThriftConfig) -> Result<Self, ConfigError> {
        // A frame's length and a string's are signed 32-bit numbers.
        let most = i32::MAX as usize;
        if !(1..=most).contains(&config.max_message_bytes) {
            let found = config.max_message_bytes;
            let reason = format!("{found}: must be between 1 and {most}");
            return Err(ConfigError::new("max_message_bytes", reason));
        }
        if let Some(n) = config.oneway_methods.iter().position(String::is_empty) {
            let path = format!("oneway_methods[{n}]");
            return Err(ConfigError::new(path, "must name a method"));
        }
        let methods = config.oneway_methods.into_iter();
        Ok(Self {
            family: match config.transport {
                TransportChoice::Auto => None,
                TransportChoice::Framed => Some(Family::Framed),
                TransportChoice::Unframed => Some(Family::Unframed),
                TransportChoice::Header => Some(Family::Header),
                TransportChoice::TtHeader => Some(Family::TtHeader),
            },
            protocol: config.protocol,
            max_message_bytes: config.max_message_bytes,
            oneway_methods: methods.map(|name| name.into_bytes().into()).collect(),
        })
    }

    /// Whether calls of `name`, `method` or `service:method`, want no answer.
    pub(crate) fn is_one_way(&self, name: &[u8]) -> bool {
        let methods = &self.oneway_methods;
        if methods.is_empty() {
            return false;
        }
        let method = colon(name).and_then(|colon| name.get(colon + 1..));
        methods.contains(name) || method.is_some_and(|method| methods.contains(method))
    }

    /// Whether messages may be in `protocol`.
    pub(crate) fn allows(&self, protocol: Protocol) -> bool {
        match self.protocol {
            ProtocolChoice::Auto => true,
            ProtocolChoice::Binary => {
                matches!(protocol, Protocol::Binary | Protocol::OldBinary)
            }
            ProtocolChoice::Compact => protocol == Protocol::Compact,
            ProtocolChoice::Json => protocol == Protocol::Json,
        }
    }

    /// The longest message in all, a frame's length bytes included.
    pub(crate) fn limit(&self, transport: Transport, limits: &Limits) -> usize {
        let head = match transport {
            Transport::Unframed => 0,
            _ => 4,
        };
        let own = self.max_message_bytes.saturating_add(head);
        own.min(limits.message_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let config = serde_json::from_str(json).expect("it parses");
        Settings::new(config).expect_err("it is wrong").to_string()
    }

    #[test]
    fn wrong_values_are_named() {
        assert_eq!(
            refused(r#"{ "max_message_bytes": 0 }"#),
            "max_message_bytes: 0: must be between 1 and 2147483647"
        );
        assert_eq!(
            refused(r#"{ "oneway_methods": ["a", ""] }"#),
            "oneway_methods[1]: must name a method"
        );
    }

    #[test]
    fn unknown_fields_and_values_are_refused() {
        serde_json::from_str::<ThriftConfig>(r#"{ "transports": "auto" }"#)
            .expect_err("an unknown field");
        serde_json::from_str::<ThriftConfig>(r#"{ "transport": "mesh" }"#)
            .expect_err("an unknown transport");
    }

    #[test]
    fn one_way_methods_go_by_either_name() {
        let config = ThriftConfig {
            oneway_methods: vec!["notify".into(), "audit:log".into()],
            ..ThriftConfig::default()
        };
        let settings = Settings::new(config).expect("it is right");
        assert!(settings.is_one_way(b"notify"));
        assert!(settings.is_one_way(b"any:notify"));
        assert!(settings.is_one_way(b"audit:log"));
        assert!(!settings.is_one_way(b"other:log"));
    }
}
