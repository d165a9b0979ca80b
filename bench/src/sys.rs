//! The few system calls the standard library does not offer: CPU affinity,
//! open-file limits, interval timers, and children that die with their parent.
//!
//! All of the crate's `unsafe` code is in this module.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// Restricts the calling thread, and what it starts later, to one CPU.
pub(crate) fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: an all-zero `cpu_set_t` is the empty set, `cpu` is within its
    // size, and the pointer is valid for the size passed along with it.
    let status = unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    check(status)
}

/// Makes `command` run on one CPU and die when the calling thread does.
pub(crate) fn confine_child(command: &mut Command, cpu: usize) {
    // SAFETY: the closure only makes system calls, which is allowed between
    // fork and exec; it neither allocates nor takes locks.
    unsafe {
        command.pre_exec(move || {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            pin_to_cpu(cpu)
        });
    }
}

/// Sets the open-file limit to `wanted`, or as close to it as is permitted,
/// and returns the limit in force. Children inherit it.
pub(crate) fn set_open_file_limit(wanted: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer refers to a live `rlimit`.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    let raised = libc::rlimit {
        rlim_cur: wanted,
        rlim_max: limit.rlim_max.max(wanted),
    };
    // SAFETY: as above.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
        return Ok(wanted);
    }
    limit.rlim_cur = limit.rlim_max.min(wanted);
    // SAFETY: as above.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(limit.rlim_cur)
}

/// A timer file that becomes readable every `period`.
///
/// Poll timeouts count in milliseconds and have slack; this does not.
pub(crate) fn interval_timer(period: Duration) -> io::Result<File> {
    // SAFETY: no pointers are involved.
    let fd = unsafe {
        libc::timerfd_create(
            libc::CLOCK_MONOTONIC,
            libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
        )
    };
    check(fd)?;
    // SAFETY: `fd` was just returned by the kernel and has no other owner.
    let timer = unsafe { OwnedFd::from_raw_fd(fd) };
    let every = libc::timespec {
        tv_sec: libc::time_t::try_from(period.as_secs()).map_err(io::Error::other)?,
        tv_nsec: libc::c_long::from(period.subsec_nanos() as i32),
    };
    let spec = libc::itimerspec {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: `spec` is live, and the old value may be null.
    check(unsafe { libc::timerfd_settime(fd, 0, &spec, std::ptr::null_mut()) })?;
    Ok(File::from(timer))
}

/// Turns a system call's -1 into the error it stands for.
fn check(status: libc::c_int) -> io::Result<()> {
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
