//! What the types promise, whatever they do.

use meta_codec::{
    Downstream, DownstreamStats, Drain, Exclusive, Shared, SharedCall, SharedDriver, SharedSend,
    Timer, Upstream, UpstreamStats, Wheel, WheelDriver,
};
use meta_codec_test::toy::Toy;
use meta_core::BoxService;
use tokio::net::TcpStream;

use crate::{
    service::Echo,
    setup::{Front, session, tcp_pair},
};

/// Ten thousand idle connections cost ten thousand times this.
#[tokio::test]
async fn the_future_of_a_connection_is_small() {
    let front = Front::new(Toy::by_id());
    let (_client, stream) = tcp_pair().await;
    let service = BoxService::new(Echo::default());
    let serve = front.downstream.serve(stream, service, session());
    let bytes = size_of_val(&serve);
    println!("a downstream connection: {bytes} bytes");
    assert!(bytes <= 1024, "{bytes} bytes");
}

#[test]
fn types_cross_threads() {
    fn sends<T: Send>() {}
    fn shares<T: Send + Sync>() {}
    shares::<Downstream>();
    shares::<DownstreamStats>();
    shares::<Drain>();
    shares::<Shared>();
    shares::<SharedCall>();
    shares::<SharedSend>();
    shares::<Timer>();
    shares::<Upstream>();
    shares::<UpstreamStats>();
    shares::<Wheel>();
    sends::<Exclusive<TcpStream>>();
    sends::<SharedDriver<TcpStream>>();
    sends::<WheelDriver>();
}
