//! Reads any bytes in both roles, whole and in pieces, and writes what it read.

#![no_main]

use std::sync::{Arc, LazyLock};

use codec_thrift::{Thrift, ThriftConfig};
use libfuzzer_sys::fuzz_target;
use meta_core::{CodecFactory, Extension};

static FACTORY: LazyLock<Arc<dyn CodecFactory>> = LazyLock::new(|| {
    Thrift
        .configure(ThriftConfig::default())
        .expect("the default configuration is good")
});

fuzz_target!(|data: &[u8]| meta_codec_test::fuzz(&**FACTORY, data));
