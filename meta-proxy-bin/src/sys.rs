//! What only the system can do.

use std::{fs, io};

/// Binds the calling thread to one of the CPUs that the process may use: the one
/// of that index, counted round and round.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no affinity")]
pub(crate) fn pin_thread(index: usize) -> io::Result<()> {
    const SET_BYTES: usize = size_of::<libc::cpu_set_t>();
    // SAFETY: a set of CPUs is an array of integers, for which zero is a value.
    let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a set of the length given.
    if unsafe { libc::sched_getaffinity(0, SET_BYTES, &raw mut allowed) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the CPUs asked for are below the size of the set.
    let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &allowed) };
    let cpus: Vec<usize> = (0..SET_BYTES * 8).filter(is_allowed).collect();
    let Some(cpu) = cpus.get(index % cpus.len().max(1)) else {
        return Ok(());
    };
    // SAFETY: as above.
    let mut own: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the CPU is below the size of the set, as it comes from one.
    unsafe { libc::CPU_SET(*cpu, &mut own) };
    // SAFETY: the pointer is to a set of the length given.
    match unsafe { libc::sched_setaffinity(0, SET_BYTES, &raw const own) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Not there.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_thread(_: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has the calling thread give way to others: it gets about a tenth of a CPU that another
/// could use up.
#[cfg(target_os = "linux")]
pub(crate) fn give_way() -> io::Result<()> {
    use rustix::process::{getpriority_process, setpriority_process};
    // To the kernel, threads are processes; the lowest priority is 19.
    let nice = getpriority_process(None)?.saturating_add(10).min(19);
    Ok(setpriority_process(None, nice)?)
}

/// Not there.
#[cfg(not(target_os = "linux"))]
pub(crate) fn give_way() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Raises the limit on open files as far as the process may.
#[expect(unsafe_code, reason = "the standard library has no resource limits")]
pub(crate) fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a limit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The memory that the process has in RAM, where the system tells.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
