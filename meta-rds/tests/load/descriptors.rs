//! What is generated is what is checked in, and the schema of it.

use serde_json::Value;

#[path = "../../regenerate/generate.rs"]
mod generate;

#[test]
fn generated_files_are_current() {
    for (path, bytes) in generate::all().expect("everything compiles") {
        let path = generate::folder().join(path);
        let own = std::fs::read(&path).expect("it is checked in");
        assert!(
            own == bytes,
            "{} is not current; run the example `regenerate`",
            path.display()
        );
    }
}

#[test]
fn the_schema_knows_fields_and_types() {
    let schema = meta_rds::schema().expect("the descriptors are good");
    let definitions = &schema["$defs"];
    let root = schema["$ref"].as_str().expect("a reference");
    assert_eq!(root, "#/$defs/envoy.config.bootstrap.v3.Bootstrap");
    let bootstrap = &definitions["envoy.config.bootstrap.v3.Bootstrap"];
    assert_eq!(bootstrap["additionalProperties"], false);
    assert_eq!(
        bootstrap["properties"]["static_resources"],
        bootstrap["properties"]["staticResources"]
    );
    let name = "aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy";
    let proxy = &definitions[name]["properties"];
    assert_eq!(proxy["idle_timeout"]["type"], "string");
    assert_eq!(proxy["application_protocol"]["deprecated"], true);
    assert_eq!(
        proxy["@type"]["const"],
        format!("type.googleapis.com/{name}")
    );
    // Every reference leads somewhere.
    let mut open = vec![&schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let name = reference.strip_prefix("#/$defs/").expect(reference);
                    assert!(definitions[name].is_object(), "{reference}");
                }
                open.extend(map.values());
            }
            _ => {}
        }
    }
}
