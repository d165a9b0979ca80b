//! The program as a child process.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::toy::PATIENCE;

/// The program, its output being read; killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meta-proxy"));
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts what `command` says.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program is there");
        let out = child.stdout.take().expect("it is piped");
        let err = child.stderr.take().expect("it is piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let log = Arc::new(Mutex::new(String::new()));
        let reader = thread::spawn({
            let log = log.clone();
            move || {
                for line in BufReader::new(err).lines().map_while(Result::ok) {
                    let mut log = log.lock().expect("no panic");
                    log.push_str(&line);
                    log.push('\n');
                }
            }
        });
        Self {
            child,
            lines,
            log,
            reader: Some(reader),
        }
    }

    /// Waits until its log says `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let began = Instant::now();
        while !self.log.lock().expect("no panic").contains(text) {
            assert!(began.elapsed() < PATIENCE, "it does not say {text:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The next line of its output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// All lines that are still to come.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect()
    }

    /// The address at the end of the next line, which begins so.
    pub(crate) fn address(&self, begin: &str) -> SocketAddr {
        let line = self.line();
        let address = line.strip_prefix(begin).expect(&line);
        address.parse().expect(&line)
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for its end; its code and what it wrote to its error output.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.wait();
        let reader = self.reader.take().expect("only once");
        reader.join().expect("no panic");
        let log = self.log.lock().expect("no panic").clone();
        (status.code(), log)
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
