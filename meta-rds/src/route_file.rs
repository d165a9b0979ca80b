//! Route tables that stand in files.

use std::collections::HashMap;

use envoy_types::pb::envoy::{
    config::route::v3::RouteConfiguration,
    service::discovery::v3::{DiscoveryResponse, Resource},
};
use prost::{Message, Name};
use prost_reflect::DescriptorPool;

use crate::{
    convert::{Converter, DecodedRoutes, RawTable},
    load::descriptors,
    node::{self, Node, NodeKind},
    path::Path,
    problem::{At, LoadError, Problem, Problems, Severity},
    proto::aeraki::meta_protocol_proxy::config::route::v1alpha as own,
    read::{Reader, any::lookup},
    rules::Checker,
    source::Source,
    support,
    tree::{MessageTree, Tree, TreeKind},
};

mod form;

pub(crate) use self::form::{every_path, hash_policy, header};

/// The route tables of a file, in YAML or JSON.
///
/// A document is one of these:
///
/// - a table in the form of this project, as it stands under `route_config`;
/// - a table as Envoy has it: `envoy.config.route.v3.RouteConfiguration`;
/// - any number of the latter in an `envoy.service.discovery.v3.DiscoveryResponse`,
///   which is what Envoy reads from files.
///
/// `@type` may say which; else the fields tell.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RouteFile {
    /// What the file calls its version; may be empty.
    pub version: String,
    /// The tables, each name once.
    pub routes: Vec<DecodedRoutes>,
    /// What has no effect, or none yet; nothing of [`Severity::Error`].
    pub notes: Vec<Problem>,
}

impl RouteFile {
    /// Reads a file.
    ///
    /// The descriptors that this needs, some 10 MiB, are gone when it returns.
    ///
    /// ```
    /// let text = "{ name: shop, routes: [ { route: { cluster: orders } } ] }";
    /// let file = meta_rds::RouteFile::read(&meta_rds::Source::new("shop.yaml", text))?;
    /// assert_eq!(&**file.routes[0].table.name(), "shop");
    /// # Ok::<(), meta_rds::LoadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// All that is wrong, each problem with its path, and in YAML its line.
    pub fn read(source: &Source) -> Result<Self, LoadError> {
        let nodes = node::parse_all(source)?;
        let (pool, _) = descriptors()?;
        let mut documents = Documents::new(&pool, source);
        for node in &nodes {
            documents.read(node);
        }
        documents.finish()
    }
}

/// Reads the documents of one file.
pub(crate) struct Documents<'a> {
    pool: &'a DescriptorPool,
    problems: Problems,
    file: RouteFile,
    /// The names so far, and their lines.
    names: HashMap<String, u32>,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(pool: &'a DescriptorPool, source: &Source) -> Self {
        let mut problems = Problems::default();
        problems.sources = vec![source.name().clone()];
        Self {
            pool,
            problems,
            file: RouteFile::default(),
            names: HashMap::new(),
        }
    }

    pub(crate) fn read(&mut self, node: &Node) {
        let at = at(node);
        let Some(url) = form::type_url(node) else {
            let text = "not a table of routes: there is neither routes nor virtual_hosts nor \
                        resources, and no @type says what it is";
            self.problems.error(at, Path::ROOT, text);
            return;
        };
        let Some(descriptor) = lookup(self.pool, &url) else {
            let text = format!("unknown type {url:?}");
            self.problems.error(at, Path::ROOT, text);
            return;
        };
        let before = self.problems.errors();
        let mut reader = Reader {
            pool: self.pool.clone(),
            problems: &mut self.problems,
            source: 0,
            allow_unknown: false,
        };
        let tree = reader.document(&form::without_type(node), &descriptor);
        let TreeKind::Message(message) = &tree.kind else {
            return;
        };
        Checker::new(self.pool, &mut self.problems).message(message, tree.at, &Path::ROOT);
        support::check(message, &Path::ROOT, &mut self.problems);
        if self.problems.errors() > before {
            return;
        }
        if url == own::RouteConfiguration::type_url() {
            self.own(message, &tree);
        } else if url == RouteConfiguration::type_url() {
            if let Some(raw) = self.build::<RouteConfiguration>(message, at) {
                self.add(&raw.encode_to_vec(), &tree, &Path::ROOT);
            }
        } else if url == DiscoveryResponse::type_url() {
            if let Some(raw) = self.build::<DiscoveryResponse>(message, at) {
                self.response(raw, &tree);
            }
        } else {
            let text = format!("{url} holds no routes");
            self.problems.error(at, Path::ROOT, text);
        }
    }

    pub(crate) fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }

    pub(crate) fn finish(self) -> Result<RouteFile, LoadError> {
        let Self {
            problems, mut file, ..
        } = self;
        let problems = problems.into_list();
        if problems.iter().any(|p| p.severity == Severity::Error) {
            return Err(LoadError { problems });
        }
        file.notes = problems;
        Ok(file)
    }

    fn build<M: Message + Default>(&mut self, message: &MessageTree, at: At) -> Option<M> {
        let built = message.build().transcode_to::<M>();
        if let Err(error) = &built {
            self.problems.error(at, Path::ROOT, error.to_string());
        }
        built.ok()
    }

    fn own(&mut self, message: &MessageTree, tree: &Tree) {
        let Some(raw) = self.build::<own::RouteConfiguration>(message, tree.at) else {
            return;
        };
        if raw.name.is_empty() {
            let place = Path::ROOT;
            let place = place.field("name");
            self.problems.error(tree.at, place, "must not be empty");
            return;
        }
        // What is wrong is told where it stands.
        let mut converter = Converter::new(self.pool, tree, &mut self.problems);
        if let Some(table) = converter.routes(&raw, &Path::ROOT, None) {
            converter.dead_routes(&table, &Path::ROOT.field("routes"), "metadata");
            let raw = form::http(raw);
            self.push(&raw.name, &raw.encode_to_vec(), tree.at);
        }
    }

    fn response(&mut self, raw: DiscoveryResponse, tree: &Tree) {
        self.file.version = raw.version_info;
        let list = Path::ROOT;
        let list = list.field("resources");
        for (index, any) in raw.resources.into_iter().enumerate() {
            let place = list.index(index);
            let at = tree.place(&place);
            let (any, place) = match any.type_url == Resource::type_url() {
                false => (any, place),
                true => match Resource::decode(&*any.value).ok().and_then(|r| r.resource) {
                    Some(inner) => (inner, place.field("resource")),
                    None => {
                        let place = place.field("resource");
                        self.problems.error(at, place, "required");
                        continue;
                    }
                },
            };
            if any.type_url != RouteConfiguration::type_url() {
                let text = format!(
                    "expected {}, found {}",
                    RouteConfiguration::type_url(),
                    any.type_url
                );
                self.problems.error(at, place, text);
                continue;
            }
            self.add(&any.value, tree, &place);
        }
    }

    /// A serialized table in Envoy's form, which stands at `path`.
    fn add(&mut self, bytes: &[u8], tree: &Tree, path: &Path<'_>) {
        let raw = match RawTable::new(bytes) {
            Ok(raw) => raw,
            Err(error) => {
                let at = tree.place(path);
                self.problems.error(at, path, error.to_string());
                return;
            }
        };
        let mut converter = Converter::new(self.pool, tree, &mut self.problems);
        if let Some(table) = converter.http_routes(&raw, path) {
            let hosts = path.field("virtual_hosts");
            converter.dead_routes(&table, &hosts.index(0).field("routes"), "headers");
            self.push(table.name(), bytes, tree.place(path));
        }
    }

    fn push(&mut self, name: &str, bytes: &[u8], at: At) {
        if let Some(line) = self.names.insert(name.to_owned(), at.line) {
            let text = match line {
                0 => format!("there is a table {name:?} already"),
                line => format!("there is a table {name:?} already, on line {line}"),
            };
            self.problems.error(at, Path::ROOT, text);
            return;
        }
        match DecodedRoutes::decode(bytes) {
            Ok(routes) => self.file.routes.push(routes),
            Err(error) => {
                for problem in error.problems {
                    let text = format!("{}: {}", problem.place.path, problem.text);
                    self.problems.error(at, Path::ROOT, text);
                }
            }
        }
    }
}

pub(crate) fn at(node: &Node) -> At {
    At {
        source: 0,
        line: node.line,
    }
}

/// The value of a key of a map.
pub(crate) fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let NodeKind::Map(pairs) = &node.kind else {
        return None;
    };
    let mut pairs = pairs.iter().rev();
    pairs.find_map(|(own, value)| (own.text == key).then_some(value))
}
