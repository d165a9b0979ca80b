//! Rule 13: local errors are replies that the caller reads as errors.

use meta_core::{LocalReply, MessageKind, Metadata, Mutation, ReplyKind, SharedMetadata, Status};

use crate::{
    driven::{Driven, Step},
    failure::{Failure, Method, Scene},
    kit::{Kit, opposite},
    rule::Rule,
    rules::read::scene,
    sample::Sample,
};

const KINDS: [ReplyKind; 16] = [
    ReplyKind::NoRoute,
    ReplyKind::UnknownCluster,
    ReplyKind::NoHealthyUpstream,
    ReplyKind::ConnectFailed,
    ReplyKind::UpstreamReset,
    ReplyKind::UpstreamIncomplete,
    ReplyKind::BadResponse,
    ReplyKind::Timeout,
    ReplyKind::Overflow,
    ReplyKind::TooLarge,
    ReplyKind::RateLimited,
    ReplyKind::Denied,
    ReplyKind::BadRequest,
    ReplyKind::Draining,
    ReplyKind::Internal,
    // A kind twice: with a text that is long and not ASCII.
    ReplyKind::Internal,
];

/// Every local error encodes a reply under the request's id, which the other
/// side reads as an error; what wants no answer gets none.
pub(crate) fn local_errors(kit: &Kit) -> Result<(), Failure> {
    for sample in kit.requests() {
        let scene = scene(Rule::LocalErrors, sample);
        let (mut writer, request) = received(kit, scene, sample)?;
        answer(kit, &mut writer, sample, &request)?;
    }
    for sample in &kit.samples {
        if sample.kind == MessageKind::OneWay {
            let scene = scene(Rule::LocalErrors, sample);
            let (mut writer, request) = received(kit, scene, sample)?;
            let reply = LocalReply::new(ReplyKind::NoRoute, "no route");
            if !writer.on_error(&request, &reply)?.is_empty() {
                let detail = "answers a one-way call, for which no one waits";
                return Err(scene.fail(Method::OnError, 0, detail));
            }
        }
    }
    Ok(())
}

/// The codec that read `sample`, and what it read.
fn received<'a>(
    kit: &Kit,
    scene: Scene<'a>,
    sample: &Sample,
) -> Result<(Driven<'a>, SharedMetadata), Failure> {
    let mut codec = kit.driven(scene, sample.role);
    codec.feed(&sample.bytes);
    let message = codec.message()?;
    Ok((codec, message.metadata))
}

/// Answers `request`, which `writer` read of `sample`, in every way there is.
pub(crate) fn answer(
    kit: &Kit,
    writer: &mut Driven<'_>,
    sample: &Sample,
    request: &Metadata,
) -> Result<(), Failure> {
    let scene = writer.scene;
    let mut reader = kit.driven(scene, sample.role);
    reader.feed(&sample.bytes);
    let sent = match reader.decode()? {
        Step::Message(message) => Some(message),
        // Over the limit of this codec: what is left is to read the answer.
        Step::Need(_) | Step::Refused(_) => None,
    };
    for (n, kind) in KINDS.into_iter().enumerate() {
        let detail = match n + 1 == KINDS.len() {
            true => "überlang ".repeat(100),
            false => "connection refused by 10.1.2.3:9090".to_owned(),
        };
        let reply = LocalReply::new(kind, detail).with_cluster("outbound|9090||example".into());
        let bytes = writer.on_error(request, &reply)?;
        if bytes.is_empty() {
            let detail = format!("writes nothing for {kind:?}: the caller hangs");
            return Err(scene.fail(Method::OnError, 0, detail));
        }
        let mut caller = kit.driven(scene, opposite(sample.role));
        if let Some(sent) = &sent {
            caller.encode(sent, sent.metadata.id, &Mutation::new(), None)?;
        }
        let found = caller.read_back(&bytes, Method::OnError)?;
        raised(scene, kind, sample, &found.metadata)?;
    }
    Ok(())
}

/// What the caller reads is an error, and its own.
fn raised(
    scene: Scene<'_>,
    kind: ReplyKind,
    sample: &Sample,
    found: &Metadata,
) -> Result<(), Failure> {
    let wrong = if found.kind != MessageKind::Response {
        format!("{kind:?} reads as a {:?}, expected a response", found.kind)
    } else if found.id != sample.id {
        format!(
            "{kind:?} has id {}, the request has {}",
            found.id, sample.id
        )
    } else if found.status == Status::Ok {
        format!("{kind:?} reads as a good response")
    } else {
        return Ok(());
    };
    Err(scene.fail(Method::OnError, 0, wrong))
}
