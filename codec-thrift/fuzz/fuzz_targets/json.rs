//! Reads any bytes as JSON messages, framed and unframed, in pieces and in both roles;
//! writes each under another id and reads that again.

#![no_main]

use std::sync::{Arc, LazyLock};

use codec_thrift::{ProtocolChoice, Thrift, ThriftConfig};
use libfuzzer_sys::fuzz_target;
use meta_core::{CodecFactory, Extension};

mod rewritten;

static FACTORY: LazyLock<Arc<dyn CodecFactory>> = LazyLock::new(|| {
    let mut config = ThriftConfig::default();
    config.protocol = ProtocolChoice::Json;
    Thrift.configure(config).expect("a good configuration")
});

/// Beginnings that are not easily come by.
const HEADS: [&[u8]; 5] = [
    b"",
    b"[1,",
    b"[1,\"s\\u003am",
    b"[1,\"m\",2,-7,{",
    b"[1,\"m\",1,0,{\"1\":{\"str\":\"",
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let head = HEADS[usize::from(*choice) / 2 % HEADS.len()];
    let message = [head, data].concat();
    match choice % 2 {
        0 => rewritten::check(&**FACTORY, &message),
        _ => {
            let length = (message.len() as u32).to_be_bytes();
            rewritten::check(&**FACTORY, &[&length, &message[..]].concat());
        }
    }
});
