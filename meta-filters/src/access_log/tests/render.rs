use meta_core::ReplyKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn every_operator_of_an_answered_call() {
    let scene = Scene::new();
    let cases = [
        ("100%%", "100%"),
        ("%REQ(METHOD)%", "hello"),
        ("%REQ(x-none?method):3%", "hel"),
        ("%REQ(x-none)%", "-"),
        ("%REQ(x-request-id)%", r"ab\x22c\x0Ad"),
        ("%REQ(X-META-PROTOCOL-APPLICATION-PROTOCOL)%", "dubbo"),
        ("%RESP(Served-By)%", "v2"),
        ("%RESPONSE_CODE%", "0"),
        ("%RESPONSE_CODE_DETAILS%", "via_upstream"),
        ("%RESPONSE_FLAGS%", "-"),
        ("%LOCAL_REPLY_BODY%", "-"),
        ("%CONNECTION_TERMINATION_DETAILS%", "-"),
        ("%UPSTREAM_TRANSPORT_FAILURE_REASON%", "-"),
        ("%BYTES_RECEIVED%", "120"),
        ("%BYTES_SENT%", "64"),
        ("%DURATION%", "2"),
        ("%UPSTREAM_CLUSTER%", "canary"),
        ("%UPSTREAM_CLUSTER_RAW%", "canary"),
        ("%UPSTREAM_HOST%", "10.0.0.2:20880"),
        ("%UPSTREAM_REMOTE_ADDRESS%", "10.0.0.2:20880"),
        ("%UPSTREAM_LOCAL_ADDRESS%", "10.0.0.1:40000"),
        ("%DOWNSTREAM_LOCAL_ADDRESS%", "[::1]:20880"),
        ("%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "::1"),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", "127.0.0.1:1234"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "127.0.0.1"),
        ("%ROUTE_NAME%", "all"),
        ("%REQUESTED_SERVER_NAME%", "greeter.example"),
        ("%DOWNSTREAM_TLS_VERSION%", "TLSv1.3"),
        ("%DOWNSTREAM_TLS_CIPHER%", "TLS_AES_128_GCM_SHA256"),
        ("%DOWNSTREAM_PEER_SUBJECT%", r"CN=call\x22er"),
        ("%DOWNSTREAM_PEER_ISSUER%", "CN=root"),
        ("%DOWNSTREAM_PEER_SERIAL%", "0a"),
        ("%DOWNSTREAM_PEER_URI_SAN%", "spiffe://a,spiffe://b"),
        ("%DOWNSTREAM_PEER_DNS_SAN%", "-"),
        ("%DOWNSTREAM_PEER_FINGERPRINT_256%", "ab12"),
        ("%PROTOCOL%", "dubbo"),
        ("%OPERATION%", "Greeter/hello"),
        ("%CONNECTION_ID%", "42"),
    ];
    for (format, expected) in cases {
        assert_eq!(text(format, &scene.answered()), expected, "{format}");
    }
    for name in format::operator_names() {
        let tested = cases.iter().any(|(case, _)| *case == format!("%{name}%"));
        assert!(tested, "{name} is not tested");
    }
}

#[test]
fn a_call_that_failed_tells_where_it_was_to_go() {
    let scene = Scene::new();
    let format = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% \
        %UPSTREAM_TRANSPORT_FAILURE_REASON%|%UPSTREAM_HOST% %UPSTREAM_LOCAL_ADDRESS% \
        %UPSTREAM_CLUSTER% %ROUTE_NAME% %RESP(x)%|%LOCAL_REPLY_BODY%";
    let reply = LocalReply::new(ReplyKind::ConnectFailed, "refused").with_cluster("other".into());
    assert_eq!(
        text(format, &scene.refused(&reply)),
        "1 UF upstream_connect_failure refused|10.0.0.3:20880 - canary all -|\
         upstream_connect_failure: refused (cluster other)"
    );
    let denied = LocalReply::new(ReplyKind::Denied, "no");
    let without_notes = EndedRequest {
        notes: Notes::default(),
        ..scene.refused(&denied)
    };
    assert_eq!(
        text(format, &without_notes),
        "1 UAEX denied -|- - - - -|denied: no"
    );
}

#[test]
fn statuses_and_ends_of_connections() {
    let format = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% \
        %CONNECTION_TERMINATION_DETAILS%";
    for (status, code) in [
        (Status::Ok, 0),
        (Status::BusinessException, 1),
        (Status::Error, 1),
    ] {
        let scene = Scene::new().with_status(status);
        let expected = format!("{code} - via_upstream -");
        assert_eq!(text(format, &scene.answered()), expected);
    }
    let scene = Scene::new();
    let cancelled = scene.ended(Outcome::Cancelled);
    assert_eq!(
        text(format, &cancelled),
        "1 DC downstream_remote_disconnect -"
    );
    let cut_off = EndedRequest {
        closed: Some("write_timeout"),
        ..cancelled
    };
    assert_eq!(text(format, &cut_off), "1 DC write_timeout write_timeout");
    let one_way = Response::written(None);
    let written = scene.ended(Outcome::Answered(&one_way));
    assert_eq!(text(format, &written), "0 - via_upstream -");
}

#[test]
fn the_default_format_is_one_line() {
    let line = line_of(
        &AccessLogConfig::new(LogTarget::Stdout),
        &Scene::new().answered(),
    );
    let (time, rest) = line.split_once("] ").expect("a time");
    assert!(time.starts_with("[20") && time.ends_with('Z'), "{time}");
    assert_eq!(
        rest,
        "dubbo \"Greeter/hello\" 0 - via_upstream \"-\" 120 64 2 \"ab\\x22c\\x0Ad\" \
         10.0.0.2:20880 canary 10.0.0.1:40000 [::1]:20880 127.0.0.1:1234 greeter.example all\n"
    );
}

#[test]
fn json_keeps_numbers_and_nests() {
    let Value::Object(fields) = json!({
        "code": "%RESPONSE_CODE%",
        "took": "%DURATION% ms",
        "fixed": [1, true, null, "50%%", "%BYTES_SENT%"],
        "deep": { "a\"b": { "id": "%REQ(x-request-id)%" }, "none": "%REQ(none)%" },
        "none": "%REQ(none)% and %RESP(none)%",
        "empty": "",
    }) else {
        unreachable!("it is an object");
    };
    let scene = Scene::new();
    let parse = |format, omit_empty_values| -> Value {
        let mut config = AccessLogConfig::new(LogTarget::Stdout);
        config.format = format;
        config.omit_empty_values = omit_empty_values;
        let line = line_of(&config, &scene.answered());
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        serde_json::from_str(&line).expect("JSON")
    };
    let typed = json!({
        "code": 0,
        "took": "2 ms",
        "fixed": [1, true, null, "50%", 64],
        "deep": { "a\"b": { "id": "ab\"c\nd" }, "none": null },
        "none": "- and -",
        "empty": "",
    });
    assert_eq!(parse(LogFormat::Json(fields.clone()), false), typed);
    let mut strings = typed.clone();
    strings["code"] = json!("0");
    strings["fixed"][4] = json!("64");
    strings["deep"]["none"] = json!("-");
    assert_eq!(
        parse(LogFormat::JsonStrings(fields.clone()), false),
        strings
    );
    let mut omitted = typed;
    omitted["none"] = json!(" and ");
    omitted["deep"].as_object_mut().expect("one").remove("none");
    assert_eq!(parse(LogFormat::Json(fields), true), omitted);
}

#[test]
fn errors_name_their_place() {
    let check = |value: Value| -> String {
        let config: AccessLogConfig = serde_json::from_value(value).expect("well-formed");
        let error = config.check().expect_err("it cannot be used");
        say(&error)
    };
    let format = |format: Value| json!({ "to": "stdout", "format": format });
    assert_eq!(
        check(format(json!({ "text": "ok %NOPE%" }))),
        "text format: at byte 3: unknown operator NOPE"
    );
    assert_eq!(
        check(format(json!({ "json": { "a": { "b": ["%REQ()%"] } } }))),
        "json format: a.b[0]: at byte 0: \"\" is neither a key nor two of the form X?Y"
    );
    let unknown = format(json!("default"))
        .to_string()
        .replace("format", "form");
    let error = serde_json::from_str::<AccessLogConfig>(&unknown).expect_err("no such field");
    assert!(
        error.to_string().contains("unknown field `form`"),
        "{error}"
    );
}

#[test]
fn filters_choose_requests() {
    let scene = Scene::new();
    let reply = LocalReply::new(ReplyKind::Timeout, "");
    let wants = |filter: Value, ended: &EndedRequest<'_>| {
        let filter: LogFilter = serde_json::from_value(filter).expect("a filter");
        filter.wants(ended)
    };
    let (good, bad) = (scene.answered(), scene.refused(&reply));
    for (filter, of_good, of_bad) in [
        (json!("errors"), false, true),
        (json!({ "at_least_ms": 2 }), true, true),
        (json!({ "at_least_ms": 3 }), false, false),
        (
            json!({ "any": ["errors", { "at_least_ms": 2 }] }),
            true,
            true,
        ),
        (
            json!({ "all": ["errors", { "at_least_ms": 2 }] }),
            false,
            true,
        ),
    ] {
        assert_eq!(wants(filter.clone(), &good), of_good, "{filter}");
        assert_eq!(wants(filter.clone(), &bad), of_bad, "{filter}");
    }
}

proptest! {
    #[test]
    fn whatever_a_peer_says_stays_in_its_place(value in any::<String>(), max in 0usize..20) {
        let mut scene = Scene::new();
        scene.request.attributes.insert("any", value.clone());
        let line = text("\"%REQ(any)%\"", &scene.answered());
        let inner = &line[1..line.len() - 1];
        prop_assert!(!inner.chars().any(|c| c.is_control() || c == '"'), "{line:?}");
        let mut config = AccessLogConfig::new(LogTarget::Stdout);
        let field = format!("%REQ(any):{max}%");
        let Value::Object(fields) = json!({ "any": field }) else {
            unreachable!("it is an object");
        };
        config.format = LogFormat::Json(fields);
        let line: Value = serde_json::from_str(&line_of(&config, &scene.answered())).expect("JSON");
        let expected: String = value.chars().take(max).collect();
        prop_assert_eq!(line["any"].as_str(), Some(&*expected));
    }
}

#[test]
fn long_values_are_cut() {
    let mut scene = Scene::new();
    scene.request.attributes.insert("any", "ü".repeat(60_000));
    assert_eq!(text("%REQ(any)%", &scene.answered()), "ü".repeat(4096));
}
