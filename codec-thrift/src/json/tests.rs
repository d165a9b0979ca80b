use super::*;
use crate::form::{Protocol, Transport};

const FORM: Form = Form::new(Transport::Unframed, Protocol::Json);

fn read(message: &str) -> Result<Parsed, CodecError> {
    head(message.as_bytes(), 0, FORM, 64)
}

#[test]
fn headers_are_read_with_whitespace_and_without() {
    for message in [
        r#"[1,"say",1,-70000,{}]"#,
        "[ 1 ,\t\"say\"\r\n, 1 , -70000 , {} ]",
        "\n \n[1,\"say\",1,-70000,{}]\n",
    ] {
        let head = read(message).expect("it is right").expect("it is whole");
        assert_eq!(head.kind, MessageType::Call);
        assert_eq!(head.id as i32, -70_000);
        assert_eq!(&message[head.id_at..][..head.id_width], "-70000");
        assert_eq!(&message[head.name.clone()], "say");
        assert_eq!(message[head.body_at..].trim_start().get(..1), Some("{"));
        for end in 0..head.body_at {
            let Ok(Err(need)) = read(&message[..end]) else {
                panic!("a part of a header, up to {end} of {message:?}");
            };
            assert!(need > end && need <= head.body_at, "{need} at {end}");
        }
    }
}

#[test]
fn what_no_library_writes_is_refused() {
    for (message, what) in [
        (r#"[2,"a",1,0,{}]"#, "version 2"),
        (r#"[1.0,"a",1,0,{}]"#, "expected ','"),
        (r#"["a",1,0,{}]"#, "no number"),
        (r#"[1,a,1,0,{}]"#, "expected '\"'"),
        (r#"[1,"a",0,0,{}]"#, "type 0"),
        (r#"[1,"a",5,0,{}]"#, "1 to 4"),
        (r#"[1,"a",-1,0,{}]"#, "1 to 4"),
        (r#"[1,"a",1,2147483648,{}]"#, "not a 32-bit number"),
        (r#"[1,"a",1,-2147483649,{}]"#, "not a 32-bit number"),
        (r#"[1,"a",1,99999999999999999999,{}]"#, "more than 32 bits"),
        (r#"[1,"a",1,"0",{}]"#, "no number"),
        (r#"[1,"a",1,-,{}]"#, "no number"),
        (r#"[1,"a",1,0]"#, "expected ','"),
        (r#"[1,"\q",1,0,{}]"#, "escape"),
        (r#"[1,"\ud800",1,0,{}]"#, "escape"),
        (r#"[1,"\u00g0",1,0,{}]"#, "escape"),
    ] {
        let error = read(message).expect_err(what);
        assert!(error.to_string().contains(what), "{message}: {error}");
    }
}

#[test]
fn headers_end() {
    let name = "n".repeat(64);
    let message = |name: &str| format!(r#"[1,"{name}",1,0,{{}}]"#);
    read(&message(&name))
        .expect("it fits")
        .expect("it is whole");
    let error = read(&message(&format!("{name}n"))).expect_err("a long name");
    assert!(error.to_string().contains("name of 65 bytes"), "{error}");
    // A name without end, and whitespace without end.
    read(&format!("[1,\"{}", name.repeat(2))).expect_err("no end");
    read(&" ".repeat(129)).expect_err("no beginning");
    read(&format!("[1,\"{name}\",{}1,0,{{}}]", " ".repeat(64))).expect_err("it goes on");
}

#[test]
fn names_are_read_as_they_are_meant() {
    for (raw, name) in [
        (r"say\u0041\u003abc", "sayA:bc"),
        (r#"a\/b\\c\"d"#, r#"a/b\c"d"#),
        (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
        (r"\ud83d\uDE00\u4e2d", "😀中"),
        ("中", "中"),
    ] {
        let found = name_of(raw.as_bytes());
        assert_eq!(std::str::from_utf8(&found), Ok(name));
    }
}

#[test]
fn any_text_is_written_so_that_it_is_read() {
    for text in ["", "plain", "\"\\/\u{0}\u{1f}\u{7f}\n\r\t", "中😀"] {
        let mut out = Vec::new();
        put_string(&mut out, text);
        let read: String = serde_json::from_slice(&out).expect("it is JSON");
        assert_eq!(read, text);
        assert_eq!(&*name_of(&out[1..out.len() - 1]), text.as_bytes());
    }
}

#[test]
fn numbers_are_written_in_full() {
    for number in [0, 1, -1, 9, 10, 70_000, i32::MAX, i32::MIN] {
        let mut out = Vec::new();
        put_number(number, |byte| out.push(byte));
        assert_eq!(out, number.to_string().as_bytes());
        assert!(out.len() <= ID_BYTES);
    }
}

#[test]
fn a_reply_ends_as_its_first_field_says() {
    for (body, status) in [
        ("{}]", Status::Ok),
        (" { } ]", Status::Ok),
        (r#"{"0":{"str":"x"}}]"#, Status::Ok),
        (r#"{ "0" : {"str":"x"}}]"#, Status::Ok),
        (r#"{"success":{"str":"x"}}]"#, Status::Ok),
        (r#"{"1":{"rec":{}}}]"#, Status::BusinessException),
        (r#"{"10":{"rec":{}}}]"#, Status::BusinessException),
        (r#"{"failure":{"rec":{}}}]"#, Status::BusinessException),
    ] {
        assert_eq!(reply_status(body.as_bytes()), status, "{body}");
    }
}
