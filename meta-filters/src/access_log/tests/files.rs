use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use futures::executor::block_on;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "access-log-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn logs(flush_interval: Duration, buffer_bytes: usize) -> AccessLogs {
    AccessLogs::new(AccessLogSettings {
        flush_interval,
        buffer_bytes,
    })
}

/// Files that are written when told.
fn patient() -> AccessLogs {
    logs(Duration::from_secs(3600), 1 << 20)
}

fn open(logs: &AccessLogs, path: &Path, format: &str) -> Arc<dyn RequestLog> {
    let config = AccessLogConfig::new(LogTarget::File(path.to_owned())).text(format);
    let log = logs.open(&config, "thrift").expect("it can be opened");
    log.worker(WorkerId(0))
}

fn write(log: &Arc<dyn RequestLog>, count: usize) {
    let scene = Scene::new();
    (0..count).for_each(|_| log.log(&scene.answered()));
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "{what} does not come about");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn lines_are_written_within_the_interval() {
    let folder = Folder::new();
    let path = folder.file("log");
    let logs = logs(Duration::from_millis(20), 1 << 20);
    let log = open(&logs, &path, "%PROTOCOL%");
    let mode = fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7133, 0, "{mode:o}: nobody else may write it");
    write(&log, 3);
    eventually("a flush", || logs.stats().flushed_by_timer == 1);
    assert_eq!(
        fs::read_to_string(&path).expect("text"),
        "thrift\n".repeat(3)
    );
    let stats = logs.stats();
    assert_eq!((stats.lines_buffered, stats.lines_written), (3, 3));
    assert_eq!((stats.writes_completed, stats.buffered_bytes), (1, 0));
}

#[test]
fn many_lines_do_not_wait_for_the_interval() {
    let folder = Folder::new();
    let logs = patient();
    let log = open(&logs, &folder.file("log"), &"x".repeat(1023));
    write(&log, 63);
    assert_eq!(logs.stats().lines_written, 0);
    write(&log, 1);
    eventually("a write", || logs.stats().lines_written == 64);
    assert_eq!(logs.stats().flushed_by_timer, 0);
}

#[test]
fn a_file_is_opened_once_and_appended_to() {
    let folder = Folder::new();
    let path = folder.file("log");
    fs::write(&path, "old\n").expect("it is written");
    std::os::unix::fs::symlink(&path, folder.file("link")).expect("a link");
    let logs = patient();
    let one = open(&logs, &path, "one");
    let other = open(&logs, &folder.file("./link"), "other");
    assert_eq!(format!("{logs:?}").matches("File").count(), 1, "{logs:?}");
    write(&one, 1);
    write(&other, 1);
    write(&one, 1);
    block_on(logs.flush());
    let text = fs::read_to_string(&path).expect("text");
    assert_eq!(
        text, "old\none\nother\none\n",
        "lines of a worker keep their order"
    );
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = Folder::new();
    let path = folder.file("missing/log");
    let config = AccessLogConfig::new(LogTarget::File(path.clone()));
    let error = patient().open(&config, "").expect_err("no such folder");
    let expected = format!(
        "cannot open the access log {}: No such file",
        path.display()
    );
    assert!(say(&error).starts_with(&expected), "{}", say(&error));
    assert!(!folder.file("missing").exists());
    let config = AccessLogConfig::new(LogTarget::File(folder.0.clone()));
    patient().open(&config, "").expect_err("it is a folder");
}

#[test]
fn reopening_writes_the_rest_to_the_old_file() {
    let folder = Folder::new();
    let (path, moved) = (folder.file("log"), folder.file("log.1"));
    let logs = patient();
    let log = open(&logs, &path, "line");
    write(&log, 2);
    fs::rename(&path, &moved).expect("it is moved");
    logs.reopen();
    eventually("a new file", || path.exists());
    write(&log, 1);
    block_on(logs.flush());
    assert_eq!(fs::read_to_string(&moved).expect("text"), "line\nline\n");
    assert_eq!(fs::read_to_string(&path).expect("text"), "line\n");

    // Where it cannot be opened, the old one serves on.
    fs::remove_file(&path).expect("it is removed");
    fs::create_dir(&path).expect("a folder in its place");
    logs.reopen();
    eventually("a failure", || logs.stats().reopen_failed == 1);
    write(&log, 1);
    block_on(logs.flush());
    assert_eq!(logs.stats().lines_written, 4);
}

#[test]
fn a_full_disk_is_counted_and_slows_nothing() {
    let logs = patient();
    let log = open(&logs, Path::new("/dev/full"), "line");
    for _ in 0..2 {
        write(&log, 5);
        block_on(logs.flush());
    }
    let stats = logs.stats();
    assert_eq!((stats.lines_written, stats.lines_dropped), (0, 10));
    assert_eq!((stats.writes_failed, stats.writes_completed), (2, 0));
    assert_eq!(stats.buffered_bytes, 0);
}

#[test]
fn a_pipe_that_nobody_reads_costs_its_buffer_and_no_more() {
    const BOUND: usize = 128 << 10;
    let folder = Folder::new();
    let path = folder.file("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo is there").success());
    let logs = logs(Duration::from_millis(1), BOUND);
    let log = open(&logs, &path, &"x".repeat(999));
    let began = Instant::now();
    for _ in 0..100 {
        write(&log, 10);
        let buffered = logs.stats().buffered_bytes;
        assert!(buffered <= BOUND as i64 + 2 * (8 << 10), "{buffered}");
    }
    assert!(began.elapsed() < PATIENCE, "nobody waits for the pipe");
    let stats = logs.stats();
    assert_eq!(stats.lines_buffered + stats.lines_dropped, 1000);
    assert!(stats.lines_dropped > 500, "{stats:?}");

    // A reader finds all that was kept, and what comes then.
    let mut pipe = fs::File::open(&path).expect("a writer has it");
    let kept = stats.lines_buffered as usize;
    let mut read = vec![0; kept * 1000];
    pipe.read_exact(&mut read).expect("lines");
    assert!(read.chunks(1000).all(|line| line.ends_with(b"x\n")));
    block_on(logs.flush());
    assert_eq!(logs.stats().lines_written as usize, kept);
    assert_eq!(logs.stats().buffered_bytes, 0);
}

#[test]
fn the_end_of_a_log_writes_what_is_left() {
    let folder = Folder::new();
    let path = folder.file("log");
    let logs = patient();
    let log = open(&logs, &path, "line");
    write(&log, 2);
    drop(logs);
    write(&log, 1);
    drop(log);
    eventually("the last lines", || {
        fs::read_to_string(&path).expect("text") == "line\n".repeat(3)
    });
}

#[test]
fn each_worker_has_lines_of_its_own() {
    let folder = Folder::new();
    let path = folder.file("log");
    let logs = logs(Duration::from_millis(1), 64 << 20);
    let config = AccessLogConfig::new(LogTarget::File(path.clone())).text("0123456789");
    let log = logs.open(&config, "").expect("it can be opened");
    thread::scope(|scope| {
        for worker in 0..4 {
            let log = log.worker(WorkerId(worker));
            scope.spawn(move || write(&log, 5_000));
        }
    });
    block_on(logs.flush());
    let text = fs::read_to_string(&path).expect("text");
    assert_eq!(text.lines().count(), 20_000);
    assert!(text.lines().all(|line| line == "0123456789"));
    assert_eq!(logs.stats().lines_written, 20_000);
}
