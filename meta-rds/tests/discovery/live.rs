//! Routes that come, change and go.

use meta_rds::{FirstFetch, RdsState};

use crate::support::{
    Control, Folder, LONG, cluster, manager, next, settings, snapshot, source, until,
};

async fn come_and_change(delta: bool) {
    let control = Control::start().await;
    control.serve("1", &[("a", "x"), ("b", "other")]);
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(control.address, delta)));
    assert_eq!(watch.ready().await, FirstFetch::Done);
    assert_eq!(cluster(&watch.routes().expect("routes")), "x");
    assert_eq!(next(&mut watch).await, "x");
    control.serve("2", &[("a", "y"), ("b", "other")]);
    assert_eq!(next(&mut watch).await, "y");
    // Of others one hears nothing.
    control.serve("3", &[("a", "y"), ("b", "changed")]);
    control.serve("4", &[("a", "z")]);
    assert_eq!(next(&mut watch).await, "z");
    let status = watch.status();
    assert_eq!(status.state, RdsState::Accepted);
    assert!(status.last_updated.is_some() && status.resource.is_some());
    assert_eq!(watch.stats().config_reload, 3);
    assert_eq!(watch.stats().update_rejected, 0);
    let [plane] = &manager.control_planes()[..] else {
        panic!("one control plane");
    };
    assert_eq!(plane.name, control.address.to_string());
    assert!(plane.connected && plane.streams == 1);
    until("the server hears of it", || {
        let nodes = control.cache.nodes();
        nodes.len() == 1 && nodes[0].id == "test-node" && nodes[0].accepted.as_deref() == Some("4")
    })
    .await;
    drop((watch, manager));
    until("the stream is closed", || {
        control.cache.nodes()[0].streams == 0
    })
    .await;
    control.stop().await;
}

#[tokio::test]
async fn in_state_of_the_world() {
    come_and_change(false).await;
}

#[tokio::test]
async fn in_delta() {
    come_and_change(true).await;
}

#[tokio::test]
async fn one_stream_for_all_names() {
    let control = Control::start().await;
    let names: Vec<_> = (0..1000).map(|n| format!("t{n}")).collect();
    let tables = |cluster| {
        names
            .iter()
            .map(|name| (name.as_str(), cluster))
            .collect::<Vec<_>>()
    };
    control.serve("1", &tables("x"));
    let manager = manager();
    let source = source(control.address, false);
    let watches = names
        .iter()
        .map(|name| manager.watch(&settings(name, source.clone())));
    let mut watches: Vec<_> = watches.collect();
    for watch in &mut watches {
        assert_eq!(next(watch).await, "x");
    }
    control.serve("2", &tables("y"));
    for watch in &mut watches {
        assert_eq!(next(watch).await, "y");
    }
    assert_eq!(control.cache.nodes()[0].streams, 1);
    assert_eq!(manager.control_planes()[0].streams, 1);
    // All but one go; it is told on.
    let mut last = watches.swap_remove(0);
    drop(watches);
    control.serve("3", &[("t0", "z")]);
    assert_eq!(next(&mut last).await, "z");
    drop(last);
    until("nobody asks for anything", || {
        control.cache.nodes()[0].streams == 0
    })
    .await;
    // And one who comes again finds a stream.
    let mut again = manager.watch(&settings("t0", source));
    assert_eq!(next(&mut again).await, "z");
    control.stop().await;
}

#[tokio::test]
async fn who_comes_later_shares_what_is_there() {
    let control = Control::start().await;
    control.serve("1", &[("a", "x"), ("b", "y")]);
    let manager = manager();
    let source = source(control.address, true);
    let mut first = manager.watch(&settings("a", source.clone()));
    assert_eq!(next(&mut first).await, "x");
    let mut second = manager.watch(&settings("a", source.clone()));
    assert_eq!(second.ready().await, FirstFetch::Done);
    assert_eq!(next(&mut second).await, "x");
    let mut other = manager.watch(&settings("b", source));
    assert_eq!(next(&mut other).await, "y");
    control.serve("2", &[("a", "z"), ("b", "y")]);
    assert_eq!(next(&mut first).await, "z");
    assert_eq!(next(&mut second).await, "z");
    control.stop().await;
}

#[tokio::test]
async fn a_node_may_have_its_own() {
    let control = Control::start().await;
    control.serve("1", &[("a", "for-all")]);
    control
        .cache
        .set_node("test-node", snapshot("1", &[("a", "for-me")]));
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source(control.address, false)));
    assert_eq!(next(&mut watch).await, "for-me");
    control.cache.clear_node("test-node");
    assert_eq!(next(&mut watch).await, "for-all");
    control.stop().await;
}

#[tokio::test]
async fn a_first_fetch_that_takes_too_long_may_come_later() {
    let control = Control::start().await;
    control.serve("1", &[("other", "x")]);
    let manager = manager();
    let mut settings = settings("a", source(control.address, false));
    settings.initial_fetch_timeout = Some(std::time::Duration::from_millis(50));
    let mut watch = manager.watch(&settings);
    let ready = tokio::time::timeout(LONG, watch.ready()).await;
    assert_eq!(ready.expect("in time"), FirstFetch::TimedOut);
    assert!(watch.routes().is_none());
    assert_eq!(watch.status().state, RdsState::TimedOut);
    assert_eq!(watch.stats().init_fetch_timeout, 1);
    control.serve("2", &[("a", "late")]);
    assert_eq!(next(&mut watch).await, "late");
    assert_eq!(watch.ready().await, FirstFetch::Done);
    assert_eq!(watch.status().state, RdsState::Accepted);
    control.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket() {
    use meta_rds::{ConfigSource, GrpcServer, GrpcSource, GrpcTarget};
    use tokio::net::UnixListener;

    let folder = Folder::new();
    let path = folder.join("control.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let control = Control::on(listener);
    control.serve("1", &[("a", "x")]);
    let target = GrpcTarget::plain(format!("unix:{}", path.display()));
    let source = ConfigSource::Grpc(GrpcSource::new(GrpcServer::Target(target)));
    let manager = manager();
    let mut watch = manager.watch(&settings("a", source));
    assert_eq!(next(&mut watch).await, "x");
    control.stop().await;
}
