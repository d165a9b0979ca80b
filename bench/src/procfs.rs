//! What the kernel says about a process: CPU time used and memory held.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// CPU time of all of a process's threads, in user and kernel mode together.
///
/// The first field of a thread's `schedstat` is its time on a CPU in
/// nanoseconds. The kernel brings it up to date at least every timer tick, so
/// a difference over a window of seconds is exact to a few milliseconds at
/// most. Time of threads that ended inside the window is lost.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut total = 0_u64;
    let tasks = format!("/proc/{pid}/task");
    for entry in fs::read_dir(&tasks).with_context(|| format!("process {pid} is gone"))? {
        let path = entry?.path().join("schedstat");
        // A thread may end between the listing and the read.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let field = text.split_ascii_whitespace().next().unwrap_or_default();
        total += field
            .parse::<u64>()
            .with_context(|| format!("no CPU time in {text:?}"))?;
    }
    Ok(Duration::from_nanos(total))
}

/// Memory of one process, in KiB.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Memory {
    /// Resident pages, those of the program file included.
    pub(crate) resident: u64,
    /// Resident pages that belong to no file: heap and stacks.
    pub(crate) anonymous: u64,
    /// Highest value of `resident` since start or [`reset_peak`].
    pub(crate) peak: u64,
}

/// Reads a process's memory figures.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("process {pid} is gone"))?;
    Ok(Memory {
        resident: field(&text, "VmRSS:")?,
        anonymous: field(&text, "RssAnon:")?,
        peak: field(&text, "VmHWM:")?,
    })
}

/// Starts the peak figure afresh from the present value.
pub(crate) fn reset_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset the memory peak")
}

fn field(status: &str, name: &str) -> Result<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no {name} in the process's status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() -> Result<()> {
        let memory = memory(std::process::id())?;
        assert!(memory.resident > 0 && memory.peak >= memory.anonymous);
        cpu_time(std::process::id())?;
        Ok(())
    }
}
