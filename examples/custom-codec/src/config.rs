//! Configuration.

use meta_core::ConfigError;
use serde::Deserialize;

use crate::head::HEAD_BYTES;

/// The configuration of the codec. All fields have defaults; unknown ones are
/// errors.
///
/// ```
/// let config: codec_parcel::ParcelConfig =
///     serde_json::from_str(r#"{ "max_message_bytes": 65536 }"#)?;
/// assert_eq!(config.max_message_bytes, 65_536);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ParcelConfig {
    /// The longest frame, its length field included. Default: 16 MiB. The
    /// listener's limit holds besides.
    pub max_message_bytes: usize,
}

impl Default for ParcelConfig {
    fn default() -> Self {
        Self {
            max_message_bytes: 16 << 20,
        }
    }
}

impl ParcelConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.max_message_bytes {
            HEAD_BYTES.. => Ok(()),
            bytes => Err(ConfigError::new(
                "max_message_bytes",
                format!("{bytes} is less than the {HEAD_BYTES} that every frame has"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use meta_core::Extension;

    use super::*;
    use crate::factory::Parcel;

    #[test]
    fn what_no_frame_fits_in_is_refused() {
        let refused = |max_message_bytes| {
            let config = ParcelConfig { max_message_bytes };
            Parcel
                .configure(config)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(
            refused(15).as_deref(),
            Some("max_message_bytes: 15 is less than the 16 that every frame has")
        );
        assert_eq!(refused(16), None);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let read = serde_json::from_str::<ParcelConfig>(r#"{ "max_bytes": 1 }"#);
        let error = read.expect_err("there is no such field").to_string();
        assert!(error.starts_with("unknown field `max_bytes`"), "{error}");
    }
}
