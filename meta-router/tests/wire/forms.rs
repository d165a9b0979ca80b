//! Forms of a protocol: some share connections, others do not.

use meta_codec_test::toy::Toy;
use meta_core::Sharing;

use crate::{
    client::{ended, ok},
    network::Network,
    setup::{Proxy, backend},
};

fn exclusive_but(form: u64) -> Toy {
    let toy = Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive);
    toy.sharing_form(form)
}

#[tokio::test(start_paused = true)]
async fn a_form_may_be_shared_where_others_are_not() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(exclusive_but(7), network, backend([&server.address]));
    let calls = [(); 2].map(|()| proxy.caller().start_in("7", "shared"));
    let mut shared = server.accept().await;
    let requests = [shared.recv().await, shared.recv().await];
    server.expect_no_other();
    let alone = [(); 2].map(|()| proxy.caller().start_in("8", "alone"));
    for _ in 0..2 {
        server.accept().await.expect_call("alone").await;
    }
    // In no order: they are told apart.
    for request in requests.iter().rev() {
        shared.answer(request, "shared").await;
    }
    for call in calls {
        assert_eq!(ended(call).await, ok("shared"));
    }
    for call in alone {
        assert_eq!(ended(call).await, ok("alone"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_configuration_has_the_last_word() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.sharing = Some(Sharing::Exclusive);
    let proxy = Proxy::new(exclusive_but(7), network, config);
    let calls = [(); 2].map(|()| proxy.caller().start_in("7", "alone"));
    for _ in 0..2 {
        server.accept().await.expect_call("alone").await;
    }
    for call in calls {
        assert_eq!(ended(call).await, ok("alone"));
    }
}
