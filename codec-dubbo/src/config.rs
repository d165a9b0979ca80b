//! Configuration.

use meta_core::{ConfigError, Limits};
use serde::Deserialize;

use crate::head::HEAD_BYTES;

/// The longest body that Dubbo's own servers take unless told otherwise.
const DEFAULT_MAX_PAYLOAD_BYTES: usize = 8 << 20;

/// The configuration of the codec. All fields have defaults; unknown ones are
/// errors.
///
/// ```
/// let config: codec_dubbo::DubboConfig = serde_json::from_str(
///     r#"{ "max_payload_bytes": 1024000, "on_mismatch": "attachments" }"#,
/// )?;
/// assert_eq!(config.on_mismatch, codec_dubbo::OnMismatch::Attachments);
/// assert_eq!(codec_dubbo::DubboConfig::default().max_payload_bytes, 8_388_608);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DubboConfig {
    /// The longest body, without the 16 bytes of the header, as servers count
    /// (`payload`). Default: 8,388,608, what Dubbo's own servers take unless told
    /// otherwise. The listener's limit holds besides.
    pub max_payload_bytes: usize,
    /// What to do with a request whose attachments name another path or version
    /// than its body. Default: `refuse`.
    pub on_mismatch: OnMismatch,
}

impl Default for DubboConfig {
    fn default() -> Self {
        Self {
            max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
            on_mismatch: OnMismatch::Refuse,
        }
    }
}

/// What becomes of a request whose attachments name another path or version than
/// its body. The provider acts on the attachments.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnMismatch {
    /// Its caller gets an error.
    #[default]
    Refuse,
    /// It is routed by what the attachments say. For providers that are exported
    /// under a path other than their interface's name.
    Attachments,
}

/// The configuration as codecs use it.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) max_payload_bytes: usize,
    pub(crate) on_mismatch: OnMismatch,
}

impl Settings {
    pub(crate) fn new(config: DubboConfig) -> Result<Self, ConfigError> {
        // Dubbo's length is a signed 32-bit number, and ours has the header in it.
        let most = i32::MAX as usize - HEAD_BYTES;
        let found = config.max_payload_bytes;
        if !(1..=most).contains(&found) {
            let reason = format!("{found}: must be between 1 and {most}");
            return Err(ConfigError::new("max_payload_bytes", reason));
        }
        Ok(Self {
            max_payload_bytes: found,
            on_mismatch: config.on_mismatch,
        })
    }

    /// The longest body under both limits.
    pub(crate) fn body_limit(&self, limits: &Limits) -> usize {
        let rest = limits.message_bytes.saturating_sub(HEAD_BYTES);
        self.max_payload_bytes.min(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_named() {
        let config = serde_json::from_str(r#"{ "max_payload_bytes": 0 }"#).expect("it parses");
        let error = Settings::new(config).expect_err("it is wrong").to_string();
        assert_eq!(
            error,
            "max_payload_bytes: 0: must be between 1 and 2147483631"
        );
    }

    #[test]
    fn unknown_fields_and_values_are_refused() {
        serde_json::from_str::<DubboConfig>(r#"{ "payload": 1 }"#).expect_err("an unknown field");
        serde_json::from_str::<DubboConfig>(r#"{ "on_mismatch": "body" }"#)
            .expect_err("an unknown value");
    }
}
