//! Rule 10: heartbeats, goodbyes and resets.

use meta_core::{Control, Event, Message, MessageKind, Metadata, Role, WireId};

use crate::{
    failure::{Failure, Method, Scene},
    kit::{Kit, opposite},
    rule::Rule,
    rules::read::scene,
};

const ROLES: [Role; 2] = [Role::Downstream, Role::Upstream];

/// What `control` writes reads as such on the other side, and what the protocol
/// does not have is not written.
pub(crate) fn control(kit: &Kit) -> Result<(), Failure> {
    let capabilities = kit.factory.capabilities();
    let (heartbeat, streams) = (capabilities.heartbeat, capabilities.streams);
    for role in ROLES {
        let scene = own(role);
        let id = WireId(if kit.has_ids() { 77 } else { 0 });
        let ping = written(kit, scene, role, Control::Ping { id })?;
        expect(scene, "ping", ping.as_ref(), heartbeat, MessageKind::Ping)?;
        if let Some(ping) = &ping {
            same_id(scene, id, ping)?;
            pong(kit, scene, opposite(role), &ping.metadata)?;
        }
        let bye = written(kit, scene, role, Control::Goodbye)?;
        expect(
            scene,
            "goodbye",
            bye.as_ref(),
            true,
            MessageKind::Event(Event::Drain),
        )?;
        let reset = written(kit, scene, role, Control::StreamReset { stream_id: 3 })?;
        expect(
            scene,
            "reset",
            reset.as_ref(),
            streams,
            MessageKind::StreamClose,
        )?;
        let wrong = |reset: &&Message| reset.metadata.stream_id != Some(3);
        if let Some(reset) = reset.as_ref().filter(wrong) {
            let detail = format!("resets stream {:?}, not 3", reset.metadata.stream_id);
            return Err(scene.fail(Method::Control, 0, detail));
        }
    }
    let mut pings = kit
        .samples
        .iter()
        .filter(|sample| sample.kind == MessageKind::Ping);
    if heartbeat && pings.clone().next().is_none() {
        let detail = "the protocol has heartbeats, but no sample is a `Ping`";
        return Err(own(Role::Downstream).fail(Method::Kit, 0, detail));
    }
    pings.try_for_each(|sample| {
        let scene = scene(Rule::Control, sample);
        let ping = kit.read(scene, sample)?;
        pong(kit, scene, sample.role, &ping.metadata)
    })
}

/// A ping that a codec in `role` has read gets a pong under its id.
fn pong(kit: &Kit, scene: Scene<'_>, role: Role, ping: &Metadata) -> Result<(), Failure> {
    match written(kit, scene, role, Control::Pong { ping })? {
        Some(pong) if pong.kind() == MessageKind::Pong => same_id(scene, ping.id, &pong),
        Some(other) => {
            let detail = format!("a pong reads as {:?}", other.kind());
            Err(scene.fail(Method::Control, 0, detail))
        }
        None => Err(scene.fail(Method::Control, 0, "a ping gets no pong")),
    }
}

/// What the other side reads of what a codec in `role` wrote.
fn written(
    kit: &Kit,
    scene: Scene<'_>,
    role: Role,
    control: Control<'_>,
) -> Result<Option<Message>, Failure> {
    let Some(bytes) = kit.driven(scene, role).control(control)? else {
        return Ok(None);
    };
    let mut reader = kit.driven(scene, opposite(role));
    reader.read_back(&bytes, Method::Control).map(Some)
}

fn expect(
    scene: Scene<'_>,
    what: &str,
    found: Option<&Message>,
    may: bool,
    kind: MessageKind,
) -> Result<(), Failure> {
    let detail = match found.map(|message| message.kind()) {
        None => return Ok(()),
        Some(_) if !may => format!("writes a {what}, which the capabilities deny"),
        Some(found) if found != kind => format!("a {what} reads as {found:?}"),
        Some(_) => return Ok(()),
    };
    Err(scene.fail(Method::Control, 0, detail))
}

fn same_id(scene: Scene<'_>, id: WireId, message: &Message) -> Result<(), Failure> {
    let found = message.metadata.id;
    match found == id {
        true => Ok(()),
        false => {
            let detail = format!("id {found}, expected {id}");
            Err(scene.fail(Method::Control, 0, detail))
        }
    }
}

fn own(role: Role) -> Scene<'static> {
    Scene {
        rule: Rule::Control,
        sample: match role {
            Role::Downstream => "written to a client",
            Role::Upstream => "written to a server",
        },
    }
}
