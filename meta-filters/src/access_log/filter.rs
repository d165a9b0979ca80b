//! Which requests are logged.

use std::time::Duration;

use meta_core::EndedRequest;

use super::{config::LogFilter, format::is_error};

impl LogFilter {
    pub(super) fn wants(&self, ended: &EndedRequest<'_>) -> bool {
        match self {
            Self::Errors => is_error(ended),
            Self::AtLeastMs(least) => {
                let took = ended.ended_at.saturating_duration_since(ended.received_at);
                took >= Duration::from_millis(*least)
            }
            Self::All(filters) => filters.iter().all(|filter| filter.wants(ended)),
            Self::Any(filters) => filters.iter().any(|filter| filter.wants(ended)),
        }
    }
}
