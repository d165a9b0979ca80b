//! Child processes that are ready when started and gone when dropped.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::peer::{Binaries, Peer, Task};
use crate::protocol::Protocol;
use crate::sys;
use crate::tls::Pki;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts this program's own echo server.
    pub(crate) fn echo(
        protocol: &dyn Protocol,
        tls: Option<&Pki>,
        cpu: usize,
        work_dir: &Path,
    ) -> Result<Self> {
        Self::echo_with(&[], protocol, tls, cpu, work_dir)
    }

    /// Starts an echo server that marks its replies.
    pub(crate) fn marked_echo(
        protocol: &dyn Protocol,
        cpu: usize,
        work_dir: &Path,
    ) -> Result<Self> {
        Self::echo_with(&["--marked"], protocol, None, cpu, work_dir)
    }

    fn echo_with(
        options: &[&str],
        protocol: &dyn Protocol,
        tls: Option<&Pki>,
        cpu: usize,
        work_dir: &Path,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["echo", "--protocol", protocol.name()]);
        command.args(options);
        if let Some(form) = protocol.form() {
            command.args(["--form", &form.to_string()]);
        }
        if let Some(pki) = tls {
            command.arg("--tls-certificate").arg(&pki.certificate);
            command.arg("--tls-key").arg(&pki.key);
        }
        command.stdout(Stdio::piped());
        let mut child = spawn(command, cpu, &work_dir.join("echo.log"))?;
        match announced_address(&mut child) {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => Err(abandon(child, error)),
        }
    }

    /// Starts a proxy; none for a peer without one.
    pub(crate) fn proxy(
        peer: Peer,
        binaries: &Binaries,
        task: &Task<'_>,
        cpu: usize,
        work_dir: &Path,
    ) -> Result<Option<Self>> {
        let listen = free_address()?;
        let command = binaries.command(peer, task, listen, work_dir)?;
        let start = |command| Self::listening(command, listen, peer, cpu, work_dir);
        command.map(start).transpose()
    }

    /// Starts a proxy with a command, and waits until it listens.
    pub(crate) fn listening(
        command: Command,
        address: SocketAddr,
        peer: Peer,
        cpu: usize,
        work_dir: &Path,
    ) -> Result<Self> {
        let mut server = Self::starting(command, address, peer, cpu, work_dir)?;
        wait_for_listener(&mut server.child, address)
            .with_context(|| format!("see {peer}.log in the work directory"))?;
        Ok(server)
    }

    /// Starts a proxy with a command, and does not wait until it listens.
    pub(crate) fn starting(
        mut command: Command,
        address: SocketAddr,
        peer: Peer,
        cpu: usize,
        work_dir: &Path,
    ) -> Result<Self> {
        let log = work_dir.join(format!("{peer}.log"));
        command.stdout(open_log(&log)?);
        let child = spawn(command, cpu, &log)?;
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

fn spawn(mut command: Command, cpu: usize, log: &Path) -> Result<Child> {
    command.stdin(Stdio::null()).stderr(open_log(log)?);
    sys::confine_child(&mut command, cpu);
    command.spawn().with_context(|| {
        let program = command.get_program().to_string_lossy().into_owned();
        format!("cannot start {program} on CPU {cpu}")
    })
}

fn open_log(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

/// Reads `listening on ADDRESS` from a child's standard output.
fn announced_address(child: &mut Child) -> Result<SocketAddr> {
    let stdout = child.stdout.as_mut().context("no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    line.trim()
        .strip_prefix("listening on ")
        .and_then(|address| address.parse().ok())
        .with_context(|| format!("expected \"listening on ADDRESS\", not {line:?}"))
}

/// Waits until something accepts connections at `address`.
fn wait_for_listener(child: &mut Child, address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("ended with {status} instead of starting");
        }
        if start.elapsed() > START_TIMEOUT {
            bail!("did not listen within {START_TIMEOUT:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// An address nobody listens at just now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn abandon(mut child: Child, error: anyhow::Error) -> anyhow::Error {
    stop(&mut child);
    error
}

fn stop(child: &mut Child) {
    // Errors mean that it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}
