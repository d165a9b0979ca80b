//! Reads any bytes in both roles, whole and in pieces, and writes what it read.

#![no_main]

use std::sync::{Arc, LazyLock};

use codec_parcel::{Parcel, ParcelConfig};
use libfuzzer_sys::fuzz_target;
use meta_core::{CodecFactory, Extension};

static FACTORY: LazyLock<Arc<dyn CodecFactory>> = LazyLock::new(|| {
    Parcel
        .configure(ParcelConfig::default())
        .expect("the default configuration is good")
});

fuzz_target!(|data: &[u8]| meta_codec_test::fuzz(&**FACTORY, data));
