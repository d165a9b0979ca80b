//! A real control plane: go-control-plane, in the program `interop/rds`, which
//! `META_RDS_GO_CONTROL_PLANE` names.

use std::{env, net::SocketAddr, process::Stdio, time::Duration};

use meta_rds::RdsState;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time,
};

use crate::support::{LONG, cluster, manager, next, settings, source, until};

struct Plane {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
    /// What it has said.
    said: Vec<String>,
    /// How much of that was before it was told something.
    mark: usize,
}

impl Plane {
    async fn start() -> Self {
        let program = env::var("META_RDS_GO_CONTROL_PLANE")
            .expect("META_RDS_GO_CONTROL_PLANE names the program");
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut plane = Self {
            _child: child,
            input,
            output: output.lines(),
            address: ([127, 0, 0, 1], 0).into(),
            said: Vec::new(),
            mark: 0,
        };
        let line = plane.line("listening ", "").await;
        plane.address = line["listening ".len()..].parse().expect("an address");
        plane
    }

    /// Does that, and waits until it is done. What it says of it may come earlier.
    async fn tell(&mut self, command: &str) {
        self.mark = self.said.len();
        let line = format!("{command}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("it reads");
        let word = command.split(' ').next().unwrap_or_default();
        self.line(&format!("done {word}"), "").await;
    }

    /// What it said since it was told something last, or says next: a line that begins
    /// so, with this in it.
    async fn line(&mut self, beginning: &str, part: &str) -> String {
        let mut next = self.mark;
        loop {
            while let Some(line) = self.said.get(next) {
                if line.starts_with(beginning) && line.contains(part) {
                    return line.clone();
                }
                next += 1;
            }
            let line = time::timeout(LONG, self.output.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no {beginning:?}: {:?}", self.said));
            self.said.push(line.expect("it is piped").expect("it runs"));
        }
    }

    fn count(&self, beginning: &str) -> usize {
        let said = self.said.iter();
        said.filter(|line| line.starts_with(beginning)).count()
    }
}

async fn scenes(delta: bool) {
    let mut plane = Plane::start().await;
    let manager = manager();
    let source = source(plane.address, delta);
    let mut watch = manager.watch(&settings("a", source.clone()));
    assert_eq!(plane.line("ask", "").await, "ask a");
    plane.tell("set 1 a=x b=x").await;
    assert_eq!(next(&mut watch).await, "x");
    plane.line("ack", "").await;

    // A name more, on the same stream.
    let mut other = manager.watch(&settings("b", source));
    assert_eq!(next(&mut other).await, "x");
    plane.tell("set 2 a=y b=x").await;
    assert_eq!(next(&mut watch).await, "y");
    assert_eq!(plane.count("open"), 1);

    // What is wrong is refused, and what comes after is in force.
    for (version, kind, reason) in [
        ("3", "nohost", "expected one virtual host"),
        ("4", "twohosts", "expected one virtual host"),
        ("5", "noaction", "there is no action"),
    ] {
        plane.tell(&format!("raw {version} a {kind}")).await;
        plane.line("nack", reason).await;
    }
    until("it is refused", || {
        watch.status().state == RdsState::Refused
    })
    .await;
    assert_eq!(cluster(&watch.routes().expect("routes")), "y");
    plane.tell("set 6 a=z b=x").await;
    assert_eq!(next(&mut watch).await, "z");
    assert_eq!(watch.status().refused, None);

    // Nothing at all, and the same in another version.
    plane.tell("set 7").await;
    plane.tell("set 8 a=z b=x").await;
    let reloads = watch.stats().config_reload;
    // It is stalled: nothing comes of it, and nothing is lost.
    plane.tell("stall").await;
    plane.tell("set 9 a=stalled b=x").await;
    plane.tell("resume").await;
    assert_eq!(next(&mut watch).await, "stalled");
    assert_eq!(watch.stats().config_reload, reloads + 1);

    // It goes away, comes back, and is up to date.
    plane.tell("stop").await;
    until("it is noticed", || !manager.control_planes()[0].connected).await;
    assert_eq!(cluster(&watch.routes().expect("routes")), "stalled");
    plane.tell("start").await;
    plane.line("open", "").await;
    plane.tell("set 10 a=again b=x").await;
    assert_eq!(next(&mut watch).await, "again");

    // Many updates: each is in force, or overtaken by a later one.
    for number in 0..200 {
        plane.tell(&format!("set n{number} a=n{number} b=x")).await;
    }
    let last = async { while next(&mut watch).await != "n199" {} };
    time::timeout(LONG, last).await.expect("in time");
    let stats = watch.stats();
    assert!(stats.update_rejected >= 3, "{stats:?}");
}

#[tokio::test]
#[ignore = "needs interop/rds: META_RDS_GO_CONTROL_PLANE"]
async fn go_control_plane_in_state_of_the_world() {
    scenes(false).await;
}

#[tokio::test]
#[ignore = "needs interop/rds: META_RDS_GO_CONTROL_PLANE"]
async fn go_control_plane_in_delta() {
    scenes(true).await;
}

/// It answers a refusal with the same version at once.
#[tokio::test]
#[ignore = "needs interop/rds: META_RDS_GO_CONTROL_PLANE"]
async fn go_control_plane_that_insists() {
    let mut plane = Plane::start().await;
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(plane.address, false)));
    plane.tell("raw 1 a nohost").await;
    let insist = async {
        // Never said.
        plane.line("end", "").await;
    };
    let insisted = time::timeout(Duration::from_secs(3), insist).await;
    assert!(insisted.is_err());
    let nacks = plane.count("nack");
    assert!(
        (2..20).contains(&nacks),
        "{nacks} refusals in three seconds"
    );
    plane.tell("set 2 a=x").await;
    assert_eq!(next(&mut watch).await, "x");
}
