//! A stream to a control plane.

use std::{future::Future, pin::pin, sync::Arc};

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use futures_util::stream;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::{select, sync::mpsc};
use tonic::{
    Status, Streaming,
    client::Grpc,
    metadata::{MetadataKey, MetadataValue},
};
use tonic_prost::ProstCodec;

use super::{
    Subject,
    channel::{chain, connect},
    now, sleep_until, tick,
};
use crate::{
    control_plane::{Dial, GrpcSource},
    xds::{Client, Request, Response},
};

/// The methods of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub(crate) stream: &'static str,
    pub(crate) delta: &'static str,
}

/// Keeps a stream to a control plane: one after the other, for ever.
pub(crate) struct GrpcDriver<S: Subject> {
    pub(crate) source: GrpcSource,
    pub(crate) service: Service,
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) client: Client<S::Value>,
    pub(crate) subject: S,
}

/// Why a stream ended.
enum End {
    /// Nothing is asked for.
    Unwanted,
    /// Nothing will be.
    Over,
    Failed(String),
}

impl<S: Subject> GrpcDriver<S> {
    /// Runs until nothing will be wanted any more.
    pub(crate) async fn run(mut self) {
        if !self.subject.sync(&mut self.client, now()) {
            return;
        }
        loop {
            tick(&mut self.client, &mut self.subject);
            if self.client.wants_to_connect(now()) {
                self.client.connecting();
                match self.session().await {
                    End::Unwanted => {
                        self.client.closed();
                        self.subject.connected(false, "nothing is asked for");
                    }
                    End::Failed(reason) => {
                        self.client.disconnected(&reason, now(), rand::random());
                        self.subject.connected(false, &reason);
                    }
                    End::Over => return,
                }
                continue;
            }
            let notify = self.subject.notify().clone();
            select! {
                () = notify.notified() => {
                    if !self.subject.sync(&mut self.client, now()) {
                        return;
                    }
                }
                () = sleep_until(self.client.next_wake()) => {}
            }
        }
    }

    async fn session(&mut self) -> End {
        match self.source.delta {
            false => {
                let wrap = Response::StateOfTheWorld;
                let unwrap = |request| match request {
                    Request::StateOfTheWorld(request) => Some(request),
                    Request::Delta(_) => None,
                };
                let path = self.service.stream;
                self.stream::<DiscoveryRequest, DiscoveryResponse>(path, wrap, unwrap)
                    .await
            }
            true => {
                let wrap = Response::Delta;
                let unwrap = |request| match request {
                    Request::Delta(request) => Some(request),
                    Request::StateOfTheWorld(_) => None,
                };
                let path = self.service.delta;
                self.stream::<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(path, wrap, unwrap)
                    .await
            }
        }
    }

    async fn stream<Q, R>(
        &mut self,
        path: &'static str,
        wrap: fn(R) -> Response,
        unwrap: fn(Request) -> Option<Q>,
    ) -> End
    where
        Q: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        let connecting = connect(&self.source, self.dial.clone());
        // Owned by itself, since it is polled while the rest goes on.
        let connecting = pin!(connecting);
        let channel = match waiting(connecting, &mut self.client, &mut self.subject).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(reason)) => return End::Failed(reason),
            Err(end) => return end,
        };
        let mut grpc = Grpc::new(channel).max_decoding_message_size(self.source.max_message_bytes);
        if let Err(error) = grpc.ready().await {
            return End::Failed(chain(&error));
        }
        self.client.connected();
        self.subject.connected(true, "");
        // A server that does not read makes us wait here, not hoard.
        let (sender, mut receiver) = mpsc::channel::<Q>(1);
        let outgoing = stream::poll_fn(move |cx| receiver.poll_recv(cx));
        let mut request = tonic::Request::new(outgoing);
        for (key, value) in &self.source.metadata {
            let key = MetadataKey::from_bytes(key.as_bytes());
            if let (Ok(key), Ok(value)) = (key, MetadataValue::try_from(value)) {
                request.metadata_mut().append(key, value);
            }
        }
        let codec = ProstCodec::<Q, R>::default();
        let path = PathAndQuery::from_static(path);
        // Servers answer when they have something to say, which needs requests first.
        let mut opening = pin!(grpc.streaming(request, path, codec));
        let mut incoming: Option<Streaming<R>> = None;
        let mut next: Option<Q> = None;
        let notify = self.subject.notify().clone();
        loop {
            tick(&mut self.client, &mut self.subject);
            if !self.client.is_wanted() {
                return End::Unwanted;
            }
            if next.is_none() {
                next = self.client.poll(now()).and_then(unwrap);
            }
            select! {
                permit = sender.reserve(), if next.is_some() => match (permit, next.take()) {
                    (Ok(permit), Some(request)) => permit.send(request),
                    // The stream is gone; what reads it tells why.
                    _ => return ended(&mut opening, incoming).await,
                },
                opened = &mut opening, if incoming.is_none() => match opened {
                    Ok(response) => incoming = Some(response.into_inner()),
                    Err(status) => return End::Failed(reason(&status)),
                },
                message = message(&mut incoming), if next.is_none() => match message {
                    Ok(Some(response)) => self.client.receive(wrap(response), now()),
                    Ok(None) => return End::Failed("the server ended the stream".to_owned()),
                    Err(status) => return End::Failed(reason(&status)),
                },
                () = notify.notified() => {
                    if !self.subject.sync(&mut self.client, now()) {
                        return End::Over;
                    }
                }
                () = sleep_until(self.client.next_wake()) => {}
            }
        }
    }
}

/// Waits, while time goes on and wishes change.
async fn waiting<F: Future, S: Subject>(
    mut future: std::pin::Pin<&mut F>,
    client: &mut Client<S::Value>,
    subject: &mut S,
) -> Result<F::Output, End> {
    let notify = subject.notify().clone();
    loop {
        tick(client, subject);
        select! {
            output = &mut future => return Ok(output),
            () = notify.notified() => {
                if !subject.sync(client, now()) {
                    return Err(End::Over);
                }
            }
            () = sleep_until(client.next_wake()) => {}
        }
    }
}

/// The next message; never, where the stream has not been opened.
async fn message<R>(incoming: &mut Option<Streaming<R>>) -> Result<Option<R>, Status> {
    match incoming {
        Some(stream) => stream.message().await,
        None => std::future::pending().await,
    }
}

/// Why a stream that takes nothing more has ended.
async fn ended<F, R>(opening: &mut std::pin::Pin<&mut F>, mut incoming: Option<Streaming<R>>) -> End
where
    F: Future<Output = Result<tonic::Response<Streaming<R>>, Status>>,
{
    let status = match incoming.is_some() {
        true => message(&mut incoming).await.err(),
        false => opening.await.err(),
    };
    End::Failed(match status {
        Some(status) => reason(&status),
        None => "the server ended the stream".to_owned(),
    })
}

fn reason(status: &Status) -> String {
    let text = status.message();
    match std::error::Error::source(status) {
        Some(source) => format!("{}: {text}: {}", status.code(), chain(source)),
        None => format!("{}: {text}", status.code()),
    }
}
