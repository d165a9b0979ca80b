//! A secret in a file of its own, as SDS by the file system has it.

use std::path::{Path as FilePath, PathBuf};

use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as pb;
use meta_tls::{Secret, SecretSource};

use crate::{
    convert::Converter,
    load::descriptors,
    node::{self, Node, NodeKind},
    path::Path,
    problem::{Problems, Severity},
    read::Reader,
    rules::Checker,
    source::Source,
    support,
    tree::TreeKind,
};

const SECRET: &str = "envoy.extensions.transport_sockets.tls.v3.Secret";

/// A file, in YAML or JSON, that holds the secret of a name: among the `resources` of
/// a discovery response, or by itself.
pub(crate) struct SecretFile {
    path: PathBuf,
    name: String,
}

impl SecretFile {
    pub(crate) fn new(path: &str, name: &str) -> Self {
        Self {
            path: path.into(),
            name: name.to_owned(),
        }
    }
}

impl SecretSource for SecretFile {
    fn file(&self) -> Option<&FilePath> {
        Some(&self.path)
    }

    fn read(&self) -> Result<Secret, String> {
        let source = Source::file(&self.path);
        let source =
            source.map_err(|error| format!("cannot read {}: {error}", self.path.display()))?;
        let document = node::parse(&source).map_err(|problem| problem.to_string())?;
        let document = document.ok_or_else(|| format!("{} is empty", self.path.display()))?;
        let secrets = match field(&document, "resources") {
            Some(Node {
                kind: NodeKind::List(resources),
                ..
            }) => resources.iter().collect(),
            Some(_) => return Err(format!("{}: resources is no list", self.path.display())),
            None => vec![&document],
        };
        let named = secrets.into_iter().find(|secret| {
            let name = field(secret, "name").map(Node::to_json);
            name.is_some_and(|name| name == self.name.as_str())
        });
        match named {
            Some(secret) => read(&source, secret),
            None => Err(format!(
                "there is no secret of this name in {}",
                self.path.display()
            )),
        }
    }
}

/// The secret that stands at `node`.
fn read(source: &Source, node: &Node) -> Result<Secret, String> {
    let (pool, _) = descriptors().map_err(|error| error.to_string())?;
    let descriptor = pool.get_message_by_name(SECRET).ok_or("not known")?;
    let mut problems = Problems::default();
    problems.sources = vec![source.name().clone()];
    let mut reader = Reader {
        pool: pool.clone(),
        problems: &mut problems,
        source: 0,
        allow_unknown: false,
    };
    let tree = reader.document(&without_type(node), &descriptor);
    let mut secret = None;
    if let TreeKind::Message(message) = &tree.kind {
        Checker::new(&pool, &mut problems).message(message, tree.at, &Path::ROOT);
        support::check(message, &Path::ROOT, &mut problems);
        if let Ok(raw) = message.build().transcode_to::<pb::Secret>() {
            secret = Converter::new(&pool, &tree, &mut problems).secret(&raw, &Path::ROOT);
        }
    }
    let bad = problems.into_list().into_iter();
    let bad = bad.filter(|problem| problem.severity != Severity::Warning);
    let bad: Vec<_> = bad.map(|problem| problem.to_string()).collect();
    match (secret, bad.is_empty()) {
        (Some(secret), true) => Ok(secret),
        (None, true) => Err("it holds neither a certificate nor a validation context".to_owned()),
        (_, false) => Err(bad.join("; ")),
    }
}

fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let NodeKind::Map(pairs) = &node.kind else {
        return None;
    };
    let mut pairs = pairs.iter();
    pairs.find_map(|(key, value)| (key.text == name).then_some(value))
}

/// As it is outside of an `Any`.
fn without_type(node: &Node) -> Node {
    let mut node = node.clone();
    if let NodeKind::Map(pairs) = &mut node.kind {
        pairs.retain(|(key, _)| key.text != "@type");
    }
    node
}
