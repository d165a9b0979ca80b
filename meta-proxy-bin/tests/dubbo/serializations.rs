//! Whatever bodies hold passes as it came.

use codec_dubbo::wire::{RequestBuilder, ResponseBuilder, Serialization, Value, message};

use crate::{
    provider::Provider,
    scene::Setup,
    wire::{Frame, GREETER, REQUEST, TWO_WAY, Wire, answer, hello, say},
};

/// Sends `call` through, and `answer` back; both have to arrive as they were.
async fn pass(client: &mut Wire, upstream: &mut Wire, call: &[u8], answer: &[u8]) {
    let sent = Frame(call.to_vec());
    client.send(call).await;
    let came = upstream.next().await;
    assert_eq!(came.with_id(sent.id()), sent);
    if sent.flags() & TWO_WAY == 0 {
        return;
    }
    let answer = Frame(answer.to_vec());
    upstream.send(answer.with_id(came.id()).0).await;
    assert_eq!(client.next().await, answer.with_id(sent.id()));
}

/// The connection of the first call, which is served.
async fn first(client: &mut Wire, provider: &Provider) -> Wire {
    client.send(say(1, "first")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "served")).await;
    client.next().await;
    upstream
}

/// Bytes that mean nothing in any serialization.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let numbers = (0..length as u32).map(|n| n.wrapping_add(seed));
    let mixed = numbers.map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8);
    mixed.collect()
}

#[tokio::test]
async fn all_of_them_share_a_connection() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let mut upstream = first(&mut client, &provider).await;
    for round in 0..3u32 {
        for number in 0..32u8 {
            let form = Frame(vec![0, 0, number]).serialization();
            let id = u64::from(number) << (20 * round);
            let length = 1 + 977 * (round * 32 + u32::from(number)) as usize;
            let (call, answer) = match form {
                Serialization::Other(_) => (
                    message(REQUEST | TWO_WAY, 0, id, form, &noise(length, round)),
                    message(0, 20, 0, form, &noise(length, round + 1)),
                ),
                _ => {
                    let text = "x".repeat(length);
                    let call = hello(id).serialization(form).argument(text.as_str());
                    let answer = ResponseBuilder::value(text).serialization(form);
                    (call.build(), answer.build())
                }
            };
            pass(&mut client, &mut upstream, &call, &answer).await;
            let notice = message(REQUEST, 0, id, form, &noise(length, round));
            pass(&mut client, &mut upstream, &notice, b"").await;
        }
    }
    assert_eq!(scene.upstream("cx_total"), 1);
}

#[tokio::test]
async fn an_answer_of_any_status_passes() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let mut upstream = first(&mut client, &provider).await;
    let call = hello(5).argument("a").build();
    for status in [0, 20, 25, 30, 31, 35, 40, 50, 60, 70, 80, 90, 100, 255] {
        for form in [2, 23, 8] {
            let form = Frame(vec![0, 0, form]).serialization();
            let error = ResponseBuilder::error(status, "what went wrong");
            let error = error.serialization(form).build();
            pass(&mut client, &mut upstream, &call, &error).await;
            let noise = message(0, status, 0, form, &noise(50, 1));
            pass(&mut client, &mut upstream, &call, &noise).await;
        }
    }
    assert_eq!(scene.count("local_response_error"), 0);
    assert_eq!(scene.count("response_error"), 13 * 6);
}

/// A value of each type, and some of them within others.
fn values() -> Vec<Value> {
    let simple = vec![
        Value::Null,
        true.into(),
        false.into(),
        0.into(),
        (-17).into(),
        100_000.into(),
        i32::MIN.into(),
        7i64.into(),
        i64::MAX.into(),
        Value::Double(0.0),
        Value::Double(-1.5e300),
        Value::Date(1_795_000_000_000),
        "".into(),
        "text".into(),
        "Grüße, 世界 😀".into(),
        "x".repeat(40_000).into(),
        Value::Binary(Vec::new()),
        Value::Binary(noise(40_000, 3)),
    ];
    let fields = [
        ("name", "Ada".into()),
        ("age", 36.into()),
        ("next", Value::Null),
    ];
    let object = Value::object("com.example.Person", fields);
    let pairs = [("a", object.clone()), ("b", object.clone())];
    let map = pairs.map(|(key, value)| (Value::from(key), value));
    let mut deep = Value::from("the innermost");
    for _ in 0..20 {
        deep = Value::List(vec![deep, Value::Map(vec![(1.into(), "one".into())])]);
    }
    let mut all = simple.clone();
    all.extend([
        Value::List(simple.clone()),
        Value::List(Vec::new()),
        Value::Map(Vec::new()),
        Value::Map(map.into()),
        Value::List(vec![object.clone(); 20]),
        object,
        deep,
    ]);
    all
}

#[tokio::test]
async fn values_of_all_types_pass() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let mut upstream = first(&mut client, &provider).await;
    for form in [Serialization::Hessian2, Serialization::Fastjson2] {
        let mut all = hello(2).serialization(form);
        for value in values() {
            all = all.argument(value.clone());
            let call = hello(1).serialization(form).argument(value.clone());
            // There is a limit on attachments.
            let attached = match format!("{value:?}").len() {
                ..20_000 => value.clone(),
                _ => Value::Null,
            };
            let call = call.attachment("value", attached);
            let answers = [
                ResponseBuilder::value(value.clone()),
                ResponseBuilder::exception(value.clone()),
                ResponseBuilder::value(value.clone()).attachment("value", value),
                ResponseBuilder::null().with_attachments(),
            ];
            for answer in answers {
                let answer = answer.serialization(form).build();
                pass(&mut client, &mut upstream, &call.build(), &answer).await;
            }
        }
        let answer = ResponseBuilder::null().serialization(form).build();
        pass(&mut client, &mut upstream, &all.build(), &answer).await;
    }
    assert_eq!(scene.count("local_response_error"), 0);
    let exceptions = 2 * values().len() as u64;
    assert_eq!(scene.count("response_business_exception"), exceptions);
}

#[tokio::test]
async fn what_cannot_be_read_passes_too() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let mut upstream = first(&mut client, &provider).await;
    let flags = REQUEST | TWO_WAY;
    for form in [Serialization::Hessian2, Serialization::Fastjson2] {
        let good = RequestBuilder::new(GREETER, "a").argument(7);
        let good = good.serialization(form).build();
        for length in 1..good.len() - 16 {
            let call = message(flags, 0, 9, form, &good[16..16 + length]);
            let answer = message(0, 20, 0, form, &noise(length, 7));
            pass(&mut client, &mut upstream, &call, &answer).await;
            let call = message(flags, 0, 9, form, &noise(length, 11));
            pass(&mut client, &mut upstream, &call, &answer).await;
        }
    }
    assert_eq!(scene.count("local_response_error"), 0);
}
