//! What clients saw of updates: read off the answers and the times of the pushes.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::load::{Answer, Latency, Samples};

/// An update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Push {
    /// When it was made.
    pub(super) at: Instant,
    /// When the control plane sent it; not at all where the next overtook it.
    pub(super) sent: Option<Instant>,
    /// When the proxy said that it had it.
    pub(super) accepted: Option<Instant>,
    /// Whether it leads to the server that marks its replies.
    pub(super) to_marked: bool,
}

/// What came of some updates.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// From the push to the first answer of the new server.
    pub(super) from_push: Vec<Duration>,
    /// The same, from when the control plane sent it.
    pub(super) from_send: Vec<Duration>,
    /// Those that the next came before.
    pub(super) overtaken: usize,
}

/// Reads off when each update took effect. Fails where a call went to a server that no
/// routes in force led to: to the marked one before the first update, or back to the
/// old one after an answer of the new.
///
/// Answers and pushes are in the order of their times; the pushes alternate.
pub(super) fn effects(answers: &[Answer], pushes: &[Push]) -> Result<Effects> {
    let mut effects = Effects::default();
    let mut answers = answers.iter().peekable();
    let first = pushes.first().map(|push| push.at);
    while let Some(answer) = answers.next_if(|answer| first.is_none_or(|at| answer.at < at)) {
        ensure!(
            !answer.is_marked,
            "a call was routed before there was a route"
        );
    }
    // Whether what was pushed before is known to be in force.
    let mut is_settled = true;
    for (index, push) in pushes.iter().enumerate() {
        let end = pushes.get(index + 1).map(|next| next.at);
        let mut since = None;
        let mut last = None;
        while let Some(answer) = answers.next_if(|answer| end.is_none_or(|end| answer.at < end)) {
            let is_new = answer.is_marked == push.to_marked;
            match since {
                None if is_new && is_settled => since = Some(answer.at),
                Some(since) if !is_new && answer.written > since => {
                    bail!("update {index} was in force, and a later call went by the old routes")
                }
                _ => {}
            }
            last = Some(is_new);
        }
        match since {
            Some(since) => {
                effects.from_push.push(since - push.at);
                effects.from_send.extend(push.sent.map(|sent| since - sent));
            }
            None => effects.overtaken += 1,
        }
        // An answer of the right server may be due to the update before the last: what
        // comes late is sure to have come only where the proxy has said so.
        let is_accepted = push
            .accepted
            .is_some_and(|at| end.is_none_or(|end| at < end));
        is_settled = last == Some(true) && (since.is_some() || is_accepted);
    }
    ensure!(is_settled, "the last update never took effect");
    Ok(effects)
}

/// The longest time without an answer between the two moments.
pub(super) fn longest_gap(answers: &[Answer], from: Instant, to: Instant) -> Duration {
    let within = answers.iter().map(|answer| answer.at);
    let within = within.filter(|at| (from..to).contains(at));
    let mut last = from;
    let mut longest = Duration::ZERO;
    for at in within.chain([to]) {
        longest = longest.max(at - last);
        last = at;
    }
    longest
}

/// How long the calls took that were due between the two moments.
pub(super) fn latency(answers: &[Answer], from: Instant, to: Instant) -> Latency {
    let mut samples = Samples::new();
    let within = answers.iter();
    for answer in within.filter(|answer| (from..to).contains(&answer.since)) {
        samples.record(answer.at - answer.since);
    }
    samples.summary()
}

/// Percentiles of some times.
pub(super) fn summary(times: &[Duration]) -> Latency {
    let mut samples = Samples::new();
    times.iter().for_each(|time| samples.record(*time));
    samples.summary()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At milliseconds from a common start: written, answered, from the marked server.
    fn answers(start: Instant, list: &[(u64, u64, bool)]) -> Vec<Answer> {
        let at = |millis| start + Duration::from_millis(millis);
        let answer = |&(written, answered, is_marked)| Answer {
            since: at(written),
            written: at(written),
            at: at(answered),
            is_marked,
        };
        list.iter().map(answer).collect()
    }

    fn pushes(start: Instant, list: &[(u64, bool)]) -> Vec<Push> {
        let push = |&(millis, to_marked)| Push {
            at: start + Duration::from_millis(millis),
            sent: Some(start + Duration::from_millis(millis + 1)),
            accepted: Some(start + Duration::from_millis(millis + 2)),
            to_marked,
        };
        list.iter().map(push).collect()
    }

    #[test]
    fn times_are_those_to_the_first_answer_by_the_new_routes() -> Result<()> {
        let start = Instant::now();
        let pushes = pushes(start, &[(10, true), (20, false)]);
        let seen = [
            (1, 2, false),
            (9, 11, false),
            (11, 13, true),
            // Written before the first answer of the new server, so that it may have
            // been on its way.
            (12, 14, false),
            (14, 15, true),
            (21, 22, true),
            (22, 25, false),
        ];
        let effects = effects(&answers(start, &seen), &pushes)?;
        let millis = |times: &[Duration]| times.iter().map(Duration::as_millis).collect::<Vec<_>>();
        assert_eq!(millis(&effects.from_push), [3, 5]);
        assert_eq!(millis(&effects.from_send), [2, 4]);
        assert_eq!(effects.overtaken, 0);
        Ok(())
    }

    #[test]
    fn an_update_may_be_overtaken_but_not_the_last() {
        let start = Instant::now();
        let pushes = pushes(start, &[(10, true), (20, false), (30, true)]);
        let seen = [(11, 12, false), (21, 22, false), (31, 32, true)];
        let found = effects(&answers(start, &seen), &pushes);
        assert!(found.is_ok_and(|e| e.overtaken == 2 && e.from_push.len() == 1));
        let never = [(11, 12, false), (21, 22, false), (31, 32, false)];
        assert!(effects(&answers(start, &never), &pushes).is_err());
    }

    #[test]
    fn what_comes_after_two_updates_is_not_taken_for_the_third() -> Result<()> {
        let start = Instant::now();
        let mut pushes = pushes(start, &[(10, true), (20, false), (30, true), (40, false)]);
        // The proxy does nothing before the time 32.
        for push in &mut pushes[..3] {
            push.accepted = Some(start + Duration::from_millis(35));
        }
        let seen = [
            (11, 12, false),
            (21, 22, false),
            (31, 32, true),
            (33, 34, false),
            (35, 36, true),
            (41, 42, false),
        ];
        let effects = effects(&answers(start, &seen), &pushes)?;
        assert_eq!((effects.from_push.len(), effects.overtaken), (1, 3));
        Ok(())
    }

    #[test]
    fn routes_do_not_go_back() {
        let start = Instant::now();
        let pushes = pushes(start, &[(10, true)]);
        let back = [(11, 12, true), (13, 14, false), (15, 16, true)];
        assert!(effects(&answers(start, &back), &pushes).is_err());
        let early = [(1, 2, true), (11, 12, true)];
        assert!(effects(&answers(start, &early), &pushes).is_err());
    }

    #[test]
    fn the_ends_are_part_of_a_gap() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let seen = answers(start, &[(1, 5, false), (5, 6, false)]);
        let gap = |to| longest_gap(&seen, at(0), at(to)).as_millis();
        assert_eq!((gap(8), gap(20)), (5, 14));
    }
}
