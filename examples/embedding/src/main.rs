//! A program that has a proxy, among other things.

use std::{error::Error, net::SocketAddr, time::Duration};

use embedding::{Client, LISTENER, registry, serve, snapshot};
use meta_proxy::{Proxy, Workers};
use tokio::net::TcpStream;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (v1, v2) = (serve("v1").await?.into(), serve("v2").await?.into());

    let running = Proxy::builder(registry())
        .snapshot(snapshot(&v1, &v2, None))
        .listener(LISTENER, SocketAddr::from(([127, 0, 0, 1], 0)))
        .workers(Workers::Current)
        .start()
        .await?;
    let handle = running.handle();
    let address = handle.addr(LISTENER).and_then(|at| at.socket_addr());
    let address = address.ok_or("the listener has no TCP address")?;
    println!("{} on {address}", handle.phase());

    let mut client = Client::over(TcpStream::connect(address).await?);
    for tenant in ["gold", "silver", "thief"] {
        println!("{tenant}: {}", client.hello(tenant).await?);
    }

    handle.apply(snapshot(&v1, &v2, Some("silver")))?;
    println!("silver, from now on: {}", client.hello("silver").await?);

    let stats = handle.stats();
    for name in ["request", "fair_share.passed", "fair_share.refused"] {
        let name = format!("meta_protocol.{LISTENER}.{name}");
        println!("{name}: {}", stats.counter(&name));
    }

    drop(client);
    let report = handle.drain(Duration::from_secs(10)).await;
    println!("drained: {report}");
    match report.aborted {
        0 => Ok(()),
        aborted => Err(format!("{aborted} connections had to be cut off").into()),
    }
}
