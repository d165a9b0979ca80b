//! What a mutation makes of a header.

use codec_thrift::wire::{MessageBuilder, Parsed};
use meta_core::{Encoded, Message, Mutation, Role};

use crate::{common::*, reading::with_area};

fn mutated(sent: &[u8], change: impl FnOnce(&mut Mutation)) -> Vec<u8> {
    let mut mutation = Mutation::new();
    change(&mut mutation);
    let message = request(sent);
    let id = message.metadata.id.0;
    let written = encode(&mut *codec(Role::Upstream), &message, id, &mutation, None);
    let (encoded, bytes) = written.expect("it can be written");
    assert_eq!(encoded, Encoded::Whole);
    bytes
}

fn told() -> MessageBuilder {
    call(FRAMED).string(1, "body")
}

#[test]
fn what_is_set_stays_in_its_place_and_what_is_new_stands_behind() {
    let sent = told()
        .info("a", "1")
        .info("b", "2")
        .int_info(9, "ping")
        .int_info(12, "100")
        .int_info(6, "to");
    let written = mutated(&sent.build(), |mutation| {
        mutation.set("a", "changed");
        mutation.remove("b");
        mutation.set("c", "new");
        mutation.set("rpc_timeout", "50");
        mutation.remove("9");
        mutation.set("30000", "new");
        mutation.set("log_id", "x");
    });
    let expected = told()
        .info("a", "changed")
        .info("c", "new")
        .int_info(12, "50")
        .int_info(6, "to")
        .int_info(30000, "new")
        .int_info(2, "x");
    assert_eq!(written, expected.build());
}

#[test]
fn names_and_numbers_are_the_same_pair() {
    let sent = told().int_info(12, "100").build();
    let written = mutated(&sent, |mutation| {
        mutation.set("12", "1");
        mutation.set("rpc_timeout", "2");
    });
    assert_eq!(written, told().int_info(12, "2").build());
    let written = mutated(&sent, |mutation| {
        mutation.set("rpc_timeout", "2");
        mutation.remove("12");
    });
    assert_eq!(written, told().build());
}

#[test]
fn blocks_are_made_where_there_are_none() {
    let written = mutated(&told().build(), |mutation| {
        mutation.set("to_method", "ping");
        mutation.set("key", "value");
    });
    let expected = told().info("key", "value").int_info(9, "ping");
    assert_eq!(written, expected.build());
    let written = mutated(&told().int_info(6, "to").build(), |mutation| {
        mutation.set("key", "value");
    });
    let read = Parsed::read(&written).expect("a message");
    assert_eq!(
        (read.info("key"), read.int_info(6)),
        (Some("value"), Some("to"))
    );
}

#[test]
fn one_is_left_of_equal_keys_that_are_set() {
    let sent = told().info("a", "1").info("b", "2").info("a", "3").build();
    let written = mutated(&sent, |mutation| mutation.set("a", "4"));
    assert_eq!(written, told().info("a", "4").info("b", "2").build());
    let written = mutated(&sent, |mutation| mutation.remove("a"));
    assert_eq!(written, told().info("b", "2").build());
}

#[test]
fn the_token_is_set_and_removed() {
    let with_token = |token: &[u8]| {
        let length = u8::try_from(token.len()).unwrap();
        with_area(&[&[0, 0, 0x11, 0, length], token].concat(), &told())
    };
    let sent = with_token(b"secret");
    let written = mutated(&sent, |mutation| mutation.set("acl_token", "other"));
    assert_eq!(written, with_token(b"other"));
    let written = mutated(&sent, |mutation| mutation.remove("acl_token"));
    assert_eq!(written, told().build());
    let written = mutated(&told().build(), |mutation| mutation.set("acl_token", "new"));
    assert_eq!(written, with_token(b"new"));
}

#[test]
fn responses_are_changed_too_and_their_ids_restored() {
    let sent = call(PLAIN).seqid(300).build();
    let asked = request(&sent);
    let reply = reply(PLAIN).seqid(1).info("back", "1").build();
    let reply = decode(&mut *codec(Role::Upstream), &reply).expect("a reply");
    let mut mutation = Mutation::new();
    mutation.set("back", "2");
    mutation.set("more", "3");
    let mut downstream = codec(Role::Downstream);
    let request = Some(&*asked.metadata);
    let written = encode(&mut *downstream, &reply, 300, &mutation, request);
    let expected = MessageBuilder::reply(PLAIN, "ping").seqid(300);
    let expected = expected.info("back", "2").info("more", "3").build();
    assert_eq!(
        written.expect("it can be written"),
        (Encoded::Whole, expected)
    );
}

#[test]
fn what_16_bits_cannot_count_is_left_out() {
    let sent = told().info("a", "1").build();
    let message = request(&sent);
    let unchanged = |message: &Message, mutation: &Mutation| {
        let written = encode(&mut *codec(Role::Upstream), message, 7, mutation, None);
        let (encoded, bytes) = written.expect("it can be written");
        assert_eq!(encoded, Encoded::WithoutMutation);
        assert_eq!(bytes, sent);
    };
    let long = "x".repeat(1 << 16);
    let mut mutation = Mutation::new();
    mutation.set("a", "2");
    mutation.set("long", long.as_str());
    unchanged(&message, &mutation);
    let mut mutation = Mutation::new();
    mutation.set(long.as_str(), "value");
    unchanged(&message, &mutation);
    let mut mutation = Mutation::new();
    for n in 0..5 {
        mutation.set(n.to_string(), "x".repeat(60_000));
    }
    unchanged(&message, &mutation);
}

#[test]
fn a_large_body_is_not_copied() {
    let sent = call(PLAIN).string(1, &"x".repeat(1 << 20)).build();
    let message = request(&sent);
    let mut mutation = Mutation::new();
    mutation.set("key", "value");
    let mut dst = meta_core::FrameBuf::new();
    let context = meta_core::EncodeContext {
        id: meta_core::WireId(9),
        mutation: &mutation,
        request: None,
    };
    let mut upstream = codec(Role::Upstream);
    upstream
        .encode(&message, &context, &mut dst)
        .expect("it can be written");
    let mut slices = [std::io::IoSlice::new(&[]); 4];
    assert_eq!(dst.chunks_vectored(&mut slices), 2);
    let body = slices[1].as_ptr() as usize;
    let frame = message.frame.as_ptr() as usize;
    assert!((frame..frame + message.frame.len()).contains(&body));
}
