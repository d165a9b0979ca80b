//! From texts to a bootstrap.

use envoy_types::pb::envoy::config::bootstrap::v3 as pb;
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::{
    bootstrap::Bootstrap,
    convert::Converter,
    document, node,
    path::Path,
    problem::{At, LoadError, Problem, Problems, Severity},
    read::Reader,
    rules::Checker,
    source::Source,
    support,
    tree::{Tree, TreeKind},
};

/// The descriptors of all that a bootstrap may hold.
static DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
const BOOTSTRAP: &str = "envoy.config.bootstrap.v3.Bootstrap";

/// Reads bootstraps, strictly.
///
/// ```
/// let text = "admin: { address: { socket_address: { address: 127.0.0.1, prt_value: 1 } } }";
/// let file = meta_rds::Source::new("file.yaml", text);
/// let error = meta_rds::Loader::new().load(&[file]).expect_err("a misspelled field");
/// assert!(error.to_string().contains(
///     "file.yaml:1: admin.address.socket_address.prt_value: unknown field"
/// ));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Loader {
    /// Whether fields that nobody knows are warned of rather than refused.
    pub allow_unknown_fields: bool,
}

impl Loader {
    /// A loader that refuses unknown fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a bootstrap, each source laid over those before it: of scalars the
    /// last counts, messages are merged, lists appended.
    ///
    /// The descriptors that this needs, some 10 MiB, are gone when it returns.
    ///
    /// # Errors
    ///
    /// All that is wrong, each problem with its path, and in YAML its line.
    pub fn load(&self, sources: &[Source]) -> Result<Bootstrap, LoadError> {
        let (pool, descriptor) = descriptors()?;
        let mut problems = Problems::default();
        problems.sources = sources.iter().map(|s| s.name().clone()).collect();
        let tree = self.read(sources, &pool, &descriptor, &mut problems);
        problems.have_been_read();
        let TreeKind::Message(message) = &tree.kind else {
            return Err(finish(problems).1);
        };
        Checker::new(&pool, &mut problems).message(message, tree.at, &Path::ROOT);
        support::check(message, &Path::ROOT, &mut problems);
        let mut bootstrap = match message.build().transcode_to::<pb::Bootstrap>() {
            Ok(raw) => Converter::new(&pool, &tree, &mut problems).bootstrap(&raw),
            Err(error) => {
                problems.error(tree.at, Path::ROOT, error.to_string());
                Bootstrap::default()
            }
        };
        match finish(problems) {
            (notes, _) if notes.iter().all(|note| note.severity != Severity::Error) => {
                bootstrap.notes = notes;
                bootstrap.document = document::text(message).into();
                Ok(bootstrap)
            }
            (_, error) => Err(error),
        }
    }

    fn read(
        &self,
        sources: &[Source],
        pool: &DescriptorPool,
        descriptor: &MessageDescriptor,
        problems: &mut Problems,
    ) -> Tree {
        let empty = crate::tree::MessageTree::new(descriptor.clone());
        let (at, kind) = (At::default(), TreeKind::Message(empty));
        let mut whole = Tree { at, kind };
        for (index, source) in sources.iter().enumerate() {
            let node = match node::parse(source) {
                Ok(node) => node,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let mut reader = Reader {
                pool: pool.clone(),
                problems,
                source: index,
                allow_unknown: self.allow_unknown_fields,
            };
            // An empty file is a bootstrap without anything in it.
            if let Some(node) = node.filter(|node| !node.is_null()) {
                let tree = reader.document(&node, descriptor);
                if let (TreeKind::Message(own), TreeKind::Message(over)) =
                    (&mut whole.kind, tree.kind)
                {
                    own.merge(over);
                }
            }
        }
        whole
    }
}

fn finish(problems: Problems) -> (Vec<Problem>, LoadError) {
    let list = problems.into_list();
    let problems = list.clone();
    (list, LoadError { problems })
}

/// The pool, and the outermost message.
pub(crate) fn descriptors() -> Result<(DescriptorPool, MessageDescriptor), LoadError> {
    let pool = DescriptorPool::decode(DESCRIPTORS).ok();
    let found = pool.and_then(|pool| {
        let descriptor = pool.get_message_by_name(BOOTSTRAP)?;
        Some((pool, descriptor))
    });
    // The descriptors are ours, and a test reads them.
    found.ok_or_else(|| LoadError {
        problems: Vec::new(),
    })
}
