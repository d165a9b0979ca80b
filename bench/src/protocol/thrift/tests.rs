use super::*;
use crate::pattern::Pattern;

fn request(form: Form, id: u64, body: &Body<'_>) -> Vec<u8> {
    let mut request = Vec::new();
    form.write_request(id, body, &mut request);
    request
}

/// The messages as Apache's and Kitex's libraries write them.
#[test]
fn forms_are_what_libraries_write() {
    let pattern = Pattern::new(0);
    let wire = |form| request(form, 42, &pattern.body(0, 0));
    let binary = b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x2a\x0b\0\x01\0\0\0\0\0";
    let compact = b"\x82\x21\x2a\x04echo\x18\0\0";
    let json = br#"[1,"echo",1,42,{"1":{"str":""}}]"#;
    assert_eq!(wire(Form::UnframedBinary), binary);
    assert_eq!(wire(Form::UnframedCompact), compact);
    assert_eq!(
        wire(Form::FramedBinary),
        [b"\0\0\0\x18", &binary[..]].concat()
    );
    assert_eq!(
        wire(Form::FramedCompact),
        [b"\0\0\0\x0b", &compact[..]].concat()
    );
    assert_eq!(wire(Form::FramedJson), [b"\0\0\0\x20", &json[..]].concat());

    let info = b"\x01\x02\x09client-id\x0abench.load\x08trace-id\0\0";
    let header = |protocol| {
        let start = b"\x0f\xff\0\0\0\0\0\x2a\0\x09";
        [start, &[protocol, 0][..], info].concat()
    };
    let with_header = |len: u8, protocol, message: &[u8]| {
        [&[0, 0, 0, len], &header(protocol)[..], message].concat()
    };
    assert_eq!(wire(Form::HeaderBinary), with_header(70, 0, binary));
    assert_eq!(wire(Form::HeaderCompact), with_header(57, 2, compact));

    let header = b"\x10\0\0\0\0\0\0\x2a\0\x0e\0\0\
        \x10\0\x03\0\x03\0\x0abench.load\0\x06\0\x0abench.echo\0\x09\0\x04echo\
        \x01\0\x01\0\x08trace-id\0\0";
    assert_eq!(
        wire(Form::Ttheader),
        [b"\0\0\0\x5a", &header[..], binary].concat()
    );
    assert_eq!(
        wire(Form::TtheaderFramed),
        [b"\0\0\0\x5e", &header[..], b"\0\0\0\x18", binary].concat()
    );
}

#[test]
fn a_reply_carries_the_request_back() -> Result<()> {
    for &form in Form::value_variants() {
        for size in [0, 1, 100, 300, 20_000] {
            let pattern = Pattern::new(size);
            let body = pattern.body(1, 300);
            let request = request(form, 300, &body);
            let mut reply = Vec::new();
            assert_eq!(form.frame_len(&request)?, Some(request.len()), "{form}");
            assert_eq!(form.frame_len(&request[..3])?, None, "{form}");
            form.write_reply(&request, &mut reply)?;
            assert_eq!(form.frame_len(&reply)?, Some(reply.len()), "{form}");
            let parsed = form.read_reply(&reply)?;
            assert_eq!(parsed.id, 300, "{form}");
            assert!(body.matches(parsed.body), "{form}");
        }
    }
    Ok(())
}

/// No byte can change without being noticed, on either way.
#[test]
fn every_byte_counts() -> Result<()> {
    let pattern = Pattern::new(100);
    let body = pattern.body(0, 7);
    for &form in Form::value_variants() {
        let request = request(form, 7, &body);
        let mut good = Vec::new();
        form.write_reply(&request, &mut good)?;
        for index in 0..request.len() {
            let mut request = request.clone();
            request[index] ^= 1;
            let mut reply = Vec::new();
            // What the server cannot tell comes back, to be told by the client.
            let refused = form.write_reply(&request, &mut reply).is_err();
            assert!(refused || !passes(form, &reply, &body), "{form} {index}");
        }
        for index in 0..good.len() {
            let mut reply = good.clone();
            reply[index] ^= 1;
            assert!(!passes(form, &reply, &body), "{form} {index}");
        }
        assert!(passes(form, &good, &body));
    }
    Ok(())
}

fn passes(form: Form, reply: &[u8], body: &Body<'_>) -> bool {
    form.frame_len(reply)
        .is_ok_and(|len| len == Some(reply.len()))
        && form
            .read_reply(reply)
            .is_ok_and(|reply| reply.id == 7 && body.matches(reply.body))
}

#[test]
fn anything_else_is_refused() {
    for &form in Form::value_variants() {
        let request = request(form, 1, &Pattern::new(20).body(0, 1));
        assert!(form.read_reply(&request).is_err(), "a call is no reply");
        for len in 0..request.len() {
            let mut reply = Vec::new();
            assert!(form.write_reply(&request[..len], &mut reply).is_err());
        }
        assert!(form.frame_len(b"GET / HTTP/1.1").is_err());
    }
}

#[test]
fn an_exception_is_told() {
    let binary = b"\x80\x01\0\x03\0\0\0\x04echo\0\0\0\x2a\
        \x0b\0\x01\0\0\0\x04down\x08\0\x02\0\0\0\x06\0";
    let compact = b"\x82\x61\x2a\x04echo\x18\x04down\x15\x0c\0";
    let json = br#"[1,"echo",3,42,{"1":{"str":"down"},"2":{"i32":6}}]"#;
    for &form in Form::value_variants() {
        let message: &[u8] = match form.encoding() {
            encoding::Encoding::Binary => binary,
            encoding::Encoding::Compact => compact,
            encoding::Encoding::Json => json,
        };
        let mut frame = Vec::new();
        let (id, encoding) = (Direction::Reply { id: 42 }, form.encoding());
        form.transport().wrap(id, encoding, b"", &mut frame, |out| {
            out.extend_from_slice(message);
        });
        assert!(matches!(form.frame_len(&frame), Ok(Some(len)) if len == frame.len()));
        let error = form.read_reply(&frame).map_err(|error| error.to_string());
        assert!(
            matches!(&error, Err(text) if text.ends_with("\"down\"")),
            "{form}: {error:?}"
        );
    }
}
