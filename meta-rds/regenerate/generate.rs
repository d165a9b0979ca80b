//! Generates what is checked in: Rust of our own `.proto` files, the descriptors of
//! them and of all that a bootstrap may hold, and the names of what others may hold.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Our own packages.
const OWN: [&str; 10] = [
    "aeraki/meta_protocol_proxy/admin/v1alpha/routes.proto",
    "aeraki/meta_protocol_proxy/config/route/v1alpha/route.proto",
    "aeraki/meta_protocol_proxy/filters/istio_stats/v1alpha/istio_stats.proto",
    "aeraki/meta_protocol_proxy/filters/local_ratelimit/v1alpha/local_rls.proto",
    "aeraki/meta_protocol_proxy/filters/metadata_exchange/v1alpha/metadata_exchange.proto",
    "aeraki/meta_protocol_proxy/filters/ratelimit/v1alpha/rls.proto",
    "aeraki/meta_protocol_proxy/filters/router/v1alpha/router.proto",
    "aeraki/meta_protocol_proxy/v1alpha/meta_protocol_proxy.proto",
    "udpa/type/v1/typed_struct.proto",
    "xds/type/v3/typed_struct.proto",
];

/// The rest of what may stand in a bootstrap: it, and what its `Any`s may hold.
const OTHERS: [&str; 16] = [
    "envoy/config/bootstrap/v3/bootstrap.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/config/trace/v3/zipkin.proto",
    "envoy/extensions/clusters/dns/v3/dns_cluster.proto",
    "envoy/extensions/access_loggers/file/v3/file.proto",
    "envoy/extensions/access_loggers/stream/v3/stream.proto",
    "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.proto",
    "envoy/extensions/filters/listener/original_dst/v3/original_dst.proto",
    "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto",
    "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
    "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.proto",
    "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
    "envoy/service/discovery/v3/discovery.proto",
    "validate/validate.proto",
];

/// The folder of the crate.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every generated file, by its path in the crate.
pub(crate) fn all() -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    let mut includes = vec![folder().join("proto")];
    for part in fs::read_dir(envoy_types()?.join("proto"))? {
        includes.push(part?.path());
    }
    let mut compiler = protox::Compiler::new(&includes)?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(OWN)?;
    let mut generated = rust(compiler.file_descriptor_set())?;

    let mut compiler = protox::Compiler::new(&includes)?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(OWN.iter().chain(&OTHERS))?;
    // Unlike `file_descriptor_set`, this keeps the extensions in options.
    let descriptors = compiler.encode_file_descriptor_set();
    generated.insert("src/descriptors.bin".into(), descriptors);
    let extensions = envoy_types()?.join("proto/data-plane-api/envoy/extensions");
    let names = message_names(&extensions)?.join("\n");
    generated.insert("src/read/extensions.txt".into(), names.into_bytes());
    Ok(generated)
}

/// The outermost messages of the `.proto` files below `folder`, sorted.
fn message_names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(message_names(&path)?);
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let package = text.lines().find_map(|line| line.strip_prefix("package "));
        let Some(package) = package else { continue };
        let messages = text
            .lines()
            .filter_map(|line| line.strip_prefix("message "));
        let own = messages.filter_map(|rest| rest.split([' ', '{']).next());
        names.extend(own.map(|name| format!("{}.{name}", package.trim_end_matches(';'))));
    }
    names.sort();
    Ok(names)
}

/// The Rust of our own packages.
fn rust(set: prost_types::FileDescriptorSet) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    let scratch = env::temp_dir().join(format!("meta-rds-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let mut config = prost_build::Config::new();
    config
        .out_dir(&scratch)
        .compile_well_known_types()
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    for package in ["cel", "envoy", "google", "validate", "xds.core"] {
        config.extern_path(
            format!(".{package}"),
            format!("::envoy_types::pb::{package}"),
        );
    }
    let compiled = config.compile_fds(set);
    let mut generated = BTreeMap::new();
    for entry in fs::read_dir(&scratch)? {
        let entry = entry?;
        // Words that Rust keeps for itself are marked, in file names too.
        let name = entry.file_name().to_string_lossy().replace("r#", "");
        if is_own(&name) {
            let path = Path::new("src/proto").join(name);
            generated.insert(path, fs::read(entry.path())?);
        }
    }
    fs::remove_dir_all(&scratch)?;
    compiled?;
    Ok(generated)
}

/// Whether the file holds a package of ours; such names are `a.b.v1.rs`.
fn is_own(file: &str) -> bool {
    let mut folders = OWN.iter().filter_map(|path| path.rsplit_once('/'));
    folders.any(|(folder, _)| file == format!("{}.rs", folder.replace('/', ".")))
}

/// The folder of the crate that holds the public `.proto` files.
fn envoy_types() -> Result<PathBuf, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Crates of other platforms need not be there.
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--filter-platform"])
        .arg(host.ok_or("rustc does not name its host")?)
        .current_dir(folder())
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let package = packages
        .iter()
        .find(|package| package["name"] == "envoy-types")
        .ok_or("envoy-types is not among the packages")?;
    let manifest = package["manifest_path"].as_str().ok_or("no path")?;
    let folder = Path::new(manifest).parent().ok_or("no folder")?;
    Ok(folder.to_owned())
}
