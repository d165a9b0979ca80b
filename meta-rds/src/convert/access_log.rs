//! Access logs.

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log::ConfigType};
use meta_filters::access_log::{AccessLogConfig, LogFormat, LogTarget};
use serde_json::Value;

use super::Converter;
use crate::path::Path;

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT: &str = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const STDERR: &str = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog";

impl Converter<'_> {
    pub(super) fn access_log(
        &mut self,
        raw: &AccessLog,
        path: &Path<'_>,
    ) -> Option<AccessLogConfig> {
        let place = path.field("typed_config");
        let Some(ConfigType::TypedConfig(any)) = &raw.config_type else {
            self.error(&place, "required");
            return None;
        };
        let log = self.extension(&raw.name, Some(any), &place);
        let name = log.type_url.rsplit('/').next().unwrap_or_default();
        let mut config = AccessLogConfig::new(match name {
            // The rules ask for a path.
            FILE => LogTarget::File(text(&log.config, "path")?.into()),
            STDOUT => LogTarget::Stdout,
            STDERR => LogTarget::Stderr,
            other => {
                let text = format!("access logs of the type {other} are not implemented yet");
                self.unsupported(&place, text);
                return None;
            }
        });
        let format = &log.config["log_format"];
        if format["omit_empty_values"] == Value::Bool(true) {
            config.omit_empty_values = true;
        }
        config.format = self.log_format(&log.config, &place)?;
        match config.check() {
            Ok(()) => Some(config),
            Err(error) => {
                self.error(&place, chain(&error));
                None
            }
        }
    }

    /// The newer forms stand in `log_format`, the older ones beside it.
    fn log_format(&mut self, config: &Value, path: &Path<'_>) -> Option<LogFormat> {
        let newer = &config["log_format"];
        if let Some(source) = newer.get("text_format_source") {
            let Some(text) = text(source, "inline_string") else {
                let text = "only an inline_string is implemented yet";
                let place = path.field("log_format");
                self.unsupported(&place.field("text_format_source"), text);
                return None;
            };
            return Some(LogFormat::Text(text));
        }
        let object = |value: &Value| value.as_object().cloned();
        if let Some(map) = newer.get("json_format").and_then(object) {
            return Some(LogFormat::Json(map));
        }
        if let Some(map) = config.get("typed_json_format").and_then(object) {
            return Some(LogFormat::Json(map));
        }
        if let Some(map) = config.get("json_format").and_then(object) {
            return Some(LogFormat::JsonStrings(map));
        }
        let text = text(newer, "text_format").or_else(|| text(config, "format"));
        Some(text.map_or(LogFormat::Default, LogFormat::Text))
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().map(str::to_owned)
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
