//! Ids and info headers that change on the way.

use super::*;

/// The info headers of what was read, without the names of a call.
fn info(message: &Message) -> Vec<(String, String)> {
    let pairs = message.metadata.attributes.iter();
    let pairs = pairs.filter(|(key, _)| !["method", "service"].contains(key));
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    pairs.map(owned).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn both_ids_are_rewritten_and_restored() {
    for form in [BINARY, COMPACT] {
        let sent = MessageBuilder::call(form, "sayHello").string(1, "world");
        for (own, header, ours) in [(7, 7, 1), (300, -5, 2), (0, 0, 70_000), (-1, 3, 128)] {
            let request = call(&sent.clone().seqid(own).header_id(header).build());
            let written = forward(&request, ours, &Mutation::new()).expect("it can be written");
            let expected = sent.clone().seqid(ours as i32).build();
            assert_eq!(written, expected, "{form} {own}");

            let good = MessageBuilder::reply(form, "sayHello")
                .info("k", "v")
                .string(0, "hi");
            let reply = reply(&request, &good.clone().seqid(ours as i32).build());
            let written = answer(&reply.expect("a reply"), &request).expect("it can be written");
            let expected = good.seqid(own).header_id(header).build();
            assert_eq!(written, expected, "{form} {own}");
        }
    }
}

#[test]
fn headers_change_in_their_place() {
    let sent = MessageBuilder::call(COMPACT, "Greeter:sayHello")
        .seqid(300)
        .info("a", "1")
        .info("b", "2")
        .info("a", "3")
        .info("c", "4")
        .info("b", "5")
        .string(1, "world")
        .build();
    let mut mutation = Mutation::new();
    mutation.set("z", "new");
    mutation.set("a", "thrown away");
    mutation.set("a", "set");
    mutation.remove("b");
    mutation.remove("nothing");
    mutation.set("gone", "again");
    mutation.remove("gone");
    mutation.set("y", "newer");
    for (id, expected) in [(300, 300), (1, 1)] {
        let written = forward(&call(&sent), id, &mutation).expect("it can be written");
        let found = call(&written);
        assert_eq!(
            info(&found),
            pairs(&[("a", "set"), ("c", "4"), ("z", "new"), ("y", "newer")])
        );
        let parsed = Parsed::read(&written).expect("a message");
        assert_eq!((parsed.seqid, parsed.string(1)), (expected, Some("world")));
        assert_eq!(parsed.name, "Greeter:sayHello");
    }
}

#[test]
fn headers_change_in_answers_too() {
    let request = call(&MessageBuilder::call(BINARY, "a").seqid(4).build());
    let good = MessageBuilder::reply(BINARY, "a").seqid(9).string(0, "hi");
    let good = reply(&request, &good.build()).expect("a reply");
    let mut mutation = Mutation::new();
    mutation.set("served-by", "blue");
    let downstream = &mut *codec(Role::Downstream);
    let (id, of) = (request.metadata.id, Some(&*request.metadata));
    let (encoded, bytes) = write(downstream, &good, id, &mutation, of).expect("written");
    assert_eq!(encoded, Encoded::Whole);
    let found = Parsed::read(&bytes).expect("a message");
    assert_eq!(found.info("served-by"), Some("blue"));
    assert_eq!((found.seqid, found.header_id), (4, Some(4)));
    assert_eq!(found.string(0), Some("hi"));
}

#[test]
fn what_is_written_is_what_a_library_would_write() {
    let sent = MessageBuilder::call(BINARY, "a").seqid(1);
    let mut mutation = Mutation::new();
    mutation.set("tenant", "blue");
    let with = sent.clone().info("tenant", "blue").build();
    let written = forward(&call(&sent.build()), 1, &mutation).expect("it can be written");
    assert_eq!(written, with);
    let mut mutation = Mutation::new();
    mutation.remove("tenant");
    let written = forward(&call(&with), 1, &mutation).expect("it can be written");
    assert_eq!(written, sent.build());
}

#[test]
fn all_else_in_the_header_is_kept() {
    // Flags, transform 0, two blocks of pairs, one of another kind.
    let area = b"\x02\x01\0\x01\x01\x01a\x011\x01\x01\x01b\x012\x7f\x05\x06\x07\x08";
    let mut sent = frame(area, b"\x82\x21\x07\x01a\0");
    sent[6..8].copy_from_slice(b"\x12\x34");
    assert_eq!(info(&call(&sent)), pairs(&[("a", "1"), ("b", "2")]));
    let mut mutation = Mutation::new();
    mutation.set("b", "long");
    let written = forward(&call(&sent), 7, &mutation).expect("it can be written");
    let area = b"\x02\x01\0\x01\x02\x01a\x011\x01b\x04long\x7f\x05\x06\x07\x08\0\0\0";
    let mut expected = frame(area, b"\x82\x21\x07\x01a\0");
    expected[6..8].copy_from_slice(b"\x12\x34");
    assert_eq!(written, expected);
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let area = b"\x02\0\x01\x02\x02\xff\xfe\x01\x80\x01k\x01v\0\0\0";
    let sent = frame(area, b"\x82\x21\x07\x01a\0");
    let found = call(&sent);
    assert_eq!(found.metadata.get("k"), Some("v"));
    let mut mutation = Mutation::new();
    mutation.set("k", "w");
    let written = forward(&found, 7, &mutation).expect("it can be written");
    assert_eq!(
        written[14..30],
        *b"\x02\0\x01\x02\x02\xff\xfe\x01\x80\x01k\x01w\0\0\0"
    );
}

#[test]
fn a_header_that_does_not_fit_is_left_out() {
    for sent in [
        MessageBuilder::call(COMPACT, "a").seqid(300).info("k", "v"),
        MessageBuilder::call(BINARY, "a").seqid(300).zlib(),
    ] {
        let expected = sent.clone().seqid(2).build();
        let message = call(&sent.build());
        for (bytes, fits) in [(65_000, true), (65_536, false), (1 << 20, false)] {
            let mut mutation = Mutation::new();
            mutation.set("long", "x".repeat(bytes));
            let upstream = &mut *codec(Role::Upstream);
            let written = write(upstream, &message, WireId(2), &mutation, None);
            let (encoded, bytes) = written.expect("it can be written");
            assert_eq!(encoded == Encoded::Whole, fits);
            assert_eq!(bytes == expected, !fits);
        }
    }
}

#[test]
fn a_header_that_makes_the_message_too_long_is_left_out() {
    let factory = factory(|config| config.max_message_bytes = 1000);
    let sent = MessageBuilder::call(BINARY, "a").string(1, &"x".repeat(900));
    let message = call(&sent.build());
    for (bytes, fits) in [(20, true), (200, false)] {
        let mut mutation = Mutation::new();
        mutation.set("long", "x".repeat(bytes));
        let upstream = &mut *factory.codec(Role::Upstream, &Limits::default());
        let (encoded, bytes) =
            write(upstream, &message, WireId(0), &mutation, None).expect("it can be written");
        assert_eq!(encoded == Encoded::Whole, fits);
        assert_eq!(bytes == sent.build(), !fits);
    }
}

#[test]
fn plain_messages_have_no_room() {
    let mut mutation = Mutation::new();
    mutation.set("k", "v");
    let mut downstream = codec(Role::Downstream);
    decode(&mut *downstream, &MessageBuilder::call(BINARY, "a").build()).expect("a call");
    let sent = MessageBuilder::call(FRAMED, "a").build();
    let message = decode(&mut *downstream, &sent).expect("a call");
    let upstream = &mut *codec(Role::Upstream);
    let written = write(upstream, &message, WireId(0), &mutation, None);
    assert_eq!(
        written.expect("it can be written"),
        (Encoded::WithoutMutation, sent)
    );
}
