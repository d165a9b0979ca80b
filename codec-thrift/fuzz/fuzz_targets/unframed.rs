//! Reads any bytes as messages of unframed connections and of framed ones, in pieces
//! and in both roles; writes each under another id and reads that again.

#![no_main]

use std::sync::{Arc, LazyLock};

use codec_thrift::{Thrift, ThriftConfig, TransportChoice};
use libfuzzer_sys::fuzz_target;
use meta_core::{CodecFactory, Extension};

mod rewritten;

static FACTORIES: LazyLock<[Arc<dyn CodecFactory>; 2]> = LazyLock::new(|| {
    [TransportChoice::Unframed, TransportChoice::Framed].map(|transport| {
        let mut config = ThriftConfig::default();
        config.transport = transport;
        Thrift.configure(config).expect("a good configuration")
    })
});

/// Beginnings that are not easily come by.
const HEADS: [&[u8]; 4] = [
    b"",
    b"\x80\x01\0\x01\0\0\0\x01m\0\0\0\x07",
    b"\0\0\0\x03s:m\x02\0\0\0\x07",
    b"\x82\x41\x07\x03s:m",
];

fuzz_target!(|data: &[u8]| {
    let [unframed, framed] = &*FACTORIES;
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let head = HEADS[usize::from(*choice) / 2 % HEADS.len()];
    let message = [head, data].concat();
    match choice % 2 {
        0 => rewritten::check(&**unframed, &message),
        _ => {
            let length = (message.len() as u32).to_be_bytes();
            rewritten::check(&**framed, &[&length, &message[..]].concat());
        }
    }
});
