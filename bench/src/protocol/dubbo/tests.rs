//! Requests and replies there and back, and everything else refused.

use super::*;
use crate::pattern::Pattern;

fn exchange(size: usize) -> Result<(Vec<u8>, Vec<u8>)> {
    let pattern = Pattern::new(Dubbo.argument_len(size)?);
    let (mut request, mut reply) = (Vec::new(), Vec::new());
    Dubbo.write_request(7, &pattern.body(1, 7), &mut request);
    Dubbo.write_reply(&request, &mut reply)?;
    Ok((request, reply))
}

#[test]
fn a_reply_carries_the_request_back() -> Result<()> {
    for size in [128, 1 << 10, 16 << 10, 1_000_000, 1 << 20, 8 << 20] {
        let (request, reply) = exchange(size)?;
        assert_eq!(request.len(), HEADER + size);
        assert_eq!(Dubbo.frame_len(&request)?, Some(request.len()));
        assert_eq!(Dubbo.frame_len(&request[..15])?, None);

        let pattern = Pattern::new(Dubbo.argument_len(size)?);
        let parsed = Dubbo.read_reply(&reply)?;
        assert_eq!(parsed.id, 7);
        assert!(pattern.body(1, 7).matches(parsed.body));
        assert!(!pattern.body(1, 8).matches(parsed.body));
    }
    Ok(())
}

#[test]
fn the_smallest_request_on_the_wire() -> Result<()> {
    let (request, reply) = exchange(128)?;
    let head = b"\xda\xbb\xc2\0\0\0\0\0\0\0\0\x07\0\0\0\x80\
        \x052.0.2\x08rpc.Echo\x050.0.0\x04echo\x12Ljava/lang/String;\x13";
    let tail = b"H\x04path\x08rpc.Echo\x09interface\x08rpc.Echo\
        \x07version\x050.0.0\x07timeout\x0510000Z";
    assert!(request.starts_with(head) && request.ends_with(tail));
    assert!(reply.starts_with(b"\xda\xbb\x02\x14\0\0\0\0\0\0\0\x07\0\0\0\x23\x94\x13"));
    assert!(reply.ends_with(b"H\x05dubbo\x052.0.2Z"));
    Ok(())
}

#[test]
fn a_heartbeat_is_answered() -> Result<()> {
    let mut answer = Vec::new();
    Dubbo.write_reply(b"\xda\xbb\xe2\0\0\0\0\0\0\0\0\x09\0\0\0\x01N", &mut answer)?;
    assert_eq!(answer, b"\xda\xbb\x22\x14\0\0\0\0\0\0\0\x09\0\0\0\x01N");
    Ok(())
}

#[test]
fn anything_else_is_refused() -> Result<()> {
    for size in [128, 1_024] {
        let (request, reply) = exchange(size)?;
        assert!(Dubbo.read_reply(&request).is_err(), "a call is no reply");
        assert!(Dubbo.write_reply(&reply, &mut Vec::new()).is_err());
        for len in 0..request.len() {
            assert!(Dubbo.write_reply(&request[..len], &mut Vec::new()).is_err());
        }
        // Every byte counts, but for the argument's: the client compares those.
        let argument = Dubbo.argument_len(size)?;
        for index in (0..request.len()).filter(|index| !(4..12).contains(index)) {
            let mut other = request.clone();
            other[index] ^= 0x41;
            let refused = Dubbo.write_reply(&other, &mut Vec::new()).is_err();
            let call = Call::with_argument(argument);
            let first = request.len() - call.after.len() - argument;
            let is_argument = (first..first + argument).contains(&index);
            assert_eq!(refused, !is_argument, "byte {index} of {size}");
        }
    }
    assert!(Dubbo.frame_len(b"GET / HTTP/1.1").is_err());
    assert!(Dubbo.argument_len(100).is_err());
    Ok(())
}

#[test]
fn an_error_reply_is_told() {
    let frame = b"\xda\xbb\x02\x46\0\0\0\0\0\0\0\x07\0\0\0\x05\x04lost";
    let error = Dubbo.read_reply(frame).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("status 70") && error.contains("lost"),
        "{error}"
    );
}
