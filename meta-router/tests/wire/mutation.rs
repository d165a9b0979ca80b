//! What routes and filters change on the way.

use bytes::BytesMut;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{
    Capabilities, Codec, CodecError, CodecFactory, Control, Decoded, EncodeContext, Encoded,
    FrameBuf, Limits, LocalReply, Message, Metadata, Mutation, Role, Route, WireForm,
};

use crate::{
    network::Network,
    peer::settle,
    setup::{Proxy, backend},
};

/// A route that changes requests and responses.
fn route() -> Route {
    let mut route = Route::to_cluster("all", "backend");
    route.request_mutation.set("tag", "canary");
    route.request_mutation.remove("debug");
    route.response_mutation.set("served", "yes");
    route.response_mutation.remove("secret");
    route
}

fn headers(frame: &Frame) -> Vec<(&str, &str)> {
    let pairs = frame.headers.iter();
    pairs.map(|(key, value)| (&**key, &**value)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_route_changes_requests_and_responses() {
    for toy in [Toy::by_id(), Toy::one_at_a_time(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut client = proxy.client_by(route(), proxy.router.clone());
        let mut upstream = None;
        // First over a connection that has to be made, then over one that is there.
        for _ in 0..2 {
            let request = Frame::request(1, "hello")
                .header("debug", "1")
                .header("tag", "stable")
                .header("kept", "this");
            client.send(&request).await;
            let mut peer = match upstream.take() {
                Some(peer) => peer,
                None => server.accept().await,
            };
            let request = peer.recv().await;
            assert_eq!(headers(&request), [("kept", "this"), ("tag", "canary")]);
            assert_eq!(request.body, "hello");
            let response = Frame::response(request.id, "there")
                .header("secret", "word")
                .header("kept", "that");
            peer.send(&response).await;
            let response = client.recv().await;
            assert_eq!(headers(&response), [("kept", "that"), ("served", "yes")]);
            assert_eq!(response.body, "there");
            upstream = Some(peer);
        }
        assert_eq!(proxy.stats.upstream_rq_mutation_dropped.value(), 0);
        assert_eq!(proxy.downstream.mutation_dropped.value(), 0);
    }
}

/// A request may bring changes from the filters before; those of its route come
/// behind them.
#[tokio::test(start_paused = true)]
async fn the_route_has_the_last_word() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let caller = proxy.caller_by(route());
    let mut request = caller.request(&Frame::request(1, ""));
    request.mutation.set("tag", "of a filter");
    request.mutation.set("debug", "of a filter");
    request.mutation.set("other", "of a filter");
    let call = tokio::spawn(caller.send(request));
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    assert_eq!(
        headers(&request),
        [("other", "of a filter"), ("tag", "canary")]
    );
    peer.answer(&request, "").await;
    let response = call.await.expect("no panic").expect("an answer");
    assert_eq!(response.mutation.last("served"), Some(Some("yes")));
    assert_eq!(response.mutation.last("secret"), Some(None));
}

/// One-way calls and frames of streams are changed as well.
#[tokio::test(start_paused = true)]
async fn what_wants_no_answer_is_changed_too() {
    use meta_core::MessageKind::{OneWay, StreamInit};
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    for kind in [OneWay, StreamInit] {
        let caller = proxy.caller_by(route());
        let answer = caller.call(&Frame::new(kind, 1, "")).await;
        assert!(answer.expect("it is written").message.is_none());
        let mut peer = server.accept().await;
        assert_eq!(headers(&peer.recv().await), [("tag", "canary")]);
    }
}

/// Where a form has no room, the message goes without, and that is counted.
#[tokio::test(start_paused = true)]
async fn a_form_without_room() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(Roomless(toy), network, backend([&server.address]));
        let mut client = proxy.client_by(route(), proxy.router.clone());
        for (form, counted) in [("0", 0), ("7", 1), ("7", 2), ("0", 2)] {
            let request = Frame::request(1, "").header("form", form);
            client.send(&request).await;
            let mut peer = server.accept().await;
            let request = peer.recv().await;
            let tag = (form == "0").then_some("canary");
            assert_eq!(request.get("tag"), tag);
            peer.send(&Frame::response(request.id, "").header("form", form))
                .await;
            let response = client.recv().await;
            let served = (form == "0").then_some("yes");
            assert_eq!(response.get("served"), served);
            assert_eq!(proxy.stats.upstream_rq_mutation_dropped.value(), counted);
            assert_eq!(proxy.downstream.mutation_dropped.value(), counted);
            drop(peer);
            settle().await;
        }
        // What asks for no change is not counted.
        let plain = Route::to_cluster("all", "backend");
        let mut client = proxy.client_by(plain, proxy.router.clone());
        client
            .send(&Frame::request(1, "").header("form", "7"))
            .await;
        let mut peer = server.accept().await;
        let request = peer.recv().await;
        peer.answer(&request, "").await;
        client.recv().await;
        assert_eq!(proxy.stats.upstream_rq_mutation_dropped.value(), 2);
    }
}

/// The toy protocol, but that its form 7 has no room for changes.
struct Roomless(Toy);

impl CodecFactory for Roomless {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(RoomlessCodec(self.0.codec(role, limits)))
    }
}

struct RoomlessCodec(Box<dyn Codec>);

impl Codec for RoomlessCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        self.0.decode(src)
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        if message.metadata.form != WireForm(7) || context.mutation.is_empty() {
            return self.0.encode(message, context, dst);
        }
        let without = EncodeContext {
            mutation: &Mutation::new(),
            ..*context
        };
        self.0.encode(message, &without, dst)?;
        Ok(Encoded::WithoutMutation)
    }

    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        self.0.on_error(request, reply, dst)
    }

    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        self.0.control(control, dst)
    }
}

/// A route that asks for nothing costs the request nothing.
#[tokio::test(start_paused = true)]
async fn an_untouched_message_is_not_changed() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::in_order(), network, backend([&server.address]));
    let mut client = proxy.client();
    let request = Frame::request(7, "body").header("a", "1").header("A", "2");
    client.send(&request).await;
    let mut peer = server.accept().await;
    assert_eq!(peer.recv().await, request, "its id and all");
    let response = Frame::response(7, "body").header("b", "").header("b", "");
    peer.send(&response).await;
    assert_eq!(client.recv().await, response);
}
