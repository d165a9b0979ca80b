use meta_codec_test::toy::Toy;
use serde::Deserialize;
use serde_json::json;

use super::*;

macro_rules! codec {
    ($name:ident, $url:literal, $names:expr, $config:ty) => {
        struct $name;

        impl Extension<dyn CodecFactory> for $name {
            const TYPE_URL: &'static str = $url;
            const NAMES: &'static [&'static str] = &$names;
            type Config = $config;

            fn configure(&self, _: $config) -> Result<Arc<dyn CodecFactory>, ConfigError> {
                Ok(Arc::new(Toy::by_id()))
            }
        }
    };
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    limits: Inner,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Inner { bytes: 1 },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[expect(dead_code, reason = "it is there to be parsed")]
    bytes: u8,
}

codec!(Plain, "example/Plain", ["a.codec.plain", "plain-1"], Config);
codec!(Other, "", ["b.codec.plain"], ());
codec!(SameName, "", ["new", "plain-1"], ());
codec!(SameUrl, "example/Plain", ["unlike"], ());
codec!(Nameless, "", [], ());

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.codec(Plain).expect("it is the first");
    registry
}

#[test]
fn what_is_taken_cannot_be_registered() {
    let mut registry = registry();
    let duplicate = |name| RegistryError::Duplicate {
        kind: "codec",
        name,
    };
    assert_eq!(
        registry.codec(SameName).expect_err("taken"),
        duplicate("plain-1")
    );
    assert_eq!(
        registry.codec(SameUrl).expect_err("taken"),
        duplicate("example/Plain")
    );
    let nameless = RegistryError::Nameless { kind: "codec" };
    assert_eq!(registry.codec(Nameless).expect_err("no name"), nameless);
    registry
        .codec(Other)
        .expect("empty type URLs do not collide");
    assert_eq!(registry.codecs().count(), 2);
}

#[test]
fn every_name_finds_it() {
    let registry = registry();
    for name in ["a.codec.plain", "plain-1", "plain", "example/Plain"] {
        registry.configure_codec(&name.into()).expect(name);
    }
    let error = registry
        .configure_codec(&"codec".into())
        .err()
        .expect("a middle part");
    assert_eq!(
        error.to_string(),
        r#"unknown codec "codec"; known: a.codec.plain"#
    );
    registry
        .configure_filter(&"plain".into())
        .err()
        .expect("it is no filter");
}

#[test]
fn a_short_name_that_several_have_is_refused() {
    let mut registry = registry();
    registry.codec(Other).expect("it is another");
    let error = registry
        .configure_codec(&"plain".into())
        .err()
        .expect("ambiguous");
    assert_eq!(
        error.to_string(),
        r#"codec "plain" may be any of a.codec.plain, b.codec.plain"#
    );
    registry
        .configure_codec(&"b.codec.plain".into())
        .expect("its whole name");
}

#[test]
fn a_configuration_is_parsed_strictly() {
    let registry = registry();
    let refused = |config| {
        let config = ExtensionConfig::new("plain", config);
        match registry.configure_codec(&config) {
            Err(LookupError::Config { source, .. }) => source.to_string(),
            _ => panic!("it was taken"),
        }
    };
    let error = refused(json!({ "limits": { "bytes": 300 } }));
    assert!(error.starts_with("limits.bytes: invalid value"), "{error}");
    let error = refused(json!({ "limit": 1 }));
    assert!(error.starts_with("limit: unknown field"), "{error}");
    let error = refused(json!("text"));
    assert!(error.starts_with("invalid type: string"), "{error}");
    let good = ExtensionConfig::new("plain", json!({ "limits": { "bytes": 3 } }));
    registry.configure_codec(&good).expect("it is right");
}
