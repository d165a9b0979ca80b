//! What a connection counts while it takes its turn.

use meta_core::stats::HistogramBatch;

use crate::stats::DownstreamStats;

/// What is counted for every request, written to the statistics once a turn.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) twoway: u64,
    pub(super) responses: u64,
    pub(super) successes: u64,
    pub(super) active: i64,
    pub(super) times: HistogramBatch,
}

impl Tally {
    pub(super) fn flush(&mut self, stats: &DownstreamStats) {
        let counts = [
            (&mut self.twoway, &stats.request_twoway),
            (&mut self.successes, &stats.response_success),
        ];
        if self.messages > 0 {
            stats.request.add(self.messages);
            stats.request_decoding_success.add(self.messages);
            self.messages = 0;
        }
        if self.responses > 0 {
            stats.response.add(self.responses);
            stats.response_decoding_success.add(self.responses);
            self.responses = 0;
        }
        for (count, counter) in counts {
            if *count > 0 {
                counter.add(std::mem::take(count));
            }
        }
        if self.active != 0 {
            stats.request_active.add(std::mem::take(&mut self.active));
        }
        self.times.flush(&stats.request_time_ms);
    }
}
