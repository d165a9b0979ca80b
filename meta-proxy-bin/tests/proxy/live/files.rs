//! Routes in a file of their own.

use std::fs;

use tempfile::TempDir;

use super::{bootstrap, counted, dumped, start, to};
use crate::toy::{Client, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_followed_and_refused_whole() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("shop.yaml");
    let write = |text: &str| {
        let new = folder.path().join("new");
        fs::write(&new, text).expect("written");
        fs::rename(&new, &path).expect("renamed");
    };
    write(&to("one"));
    let source = format!("path_config_source: {{ path: {} }}", path.display());
    let text = bootstrap(&source, &one, &two, one.address);
    let (running, admin) = start(&text).await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "one");
    write(&to("two"));
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 2").await;
    assert_eq!(client.call("hello").await, "two");

    write("name: shop\nroutes:\n- { rote: {} }\n");
    counted(admin, "meta_protocol.shop-in.rds.shop.update_rejected: 1").await;
    assert_eq!(client.call("hello").await, "two");
    let dump = dumped(admin).await;
    assert_eq!(dump["client_status"], "NACKED");
    let details = dump["error_state"]["details"].as_str().expect("the reason");
    assert!(
        details.contains("shop.yaml:3: routes[0].rote: unknown field"),
        "{details}"
    );
    assert_eq!(dump["route_config"]["routes"][0]["route"]["cluster"], "two");

    write(&to("one"));
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 3").await;
    assert_eq!(client.call("hello").await, "one");
}
