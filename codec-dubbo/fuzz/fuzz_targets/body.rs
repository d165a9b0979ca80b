//! Puts any bytes behind a good header, as requests and responses in hessian2 and
//! fastjson2, and any bytes as arguments between good names and attachments.

#![no_main]

use std::sync::{Arc, LazyLock};

use codec_dubbo::{
    Dubbo, DubboConfig,
    wire::{Serialization, Writer, message},
};
use libfuzzer_sys::fuzz_target;
use meta_core::{CodecFactory, Extension};

static FACTORY: LazyLock<Arc<dyn CodecFactory>> = LazyLock::new(|| {
    Dubbo
        .configure(DubboConfig::default())
        .expect("the default configuration is good")
});

fuzz_target!(|data: &[u8]| {
    for form in [Serialization::Hessian2, Serialization::Fastjson2] {
        let mut call = Writer::new(form);
        for text in ["2.0.2", "a", "0.0.0", "m", "Ljava/lang/Object;"] {
            call.string(text);
        }
        call.raw(data);
        let mut whole = call.clone();
        whole.attachments(&[("path".into(), "a".into())]);
        for (flags, status, body) in [
            (0xc0, 0, data),
            (0x00, 20, data),
            (0xc0, 0, &call.into_bytes()),
            (0xc0, 0, &whole.into_bytes()),
        ] {
            meta_codec_test::fuzz(&**FACTORY, &message(flags, status, 7, form, body));
        }
    }
});
