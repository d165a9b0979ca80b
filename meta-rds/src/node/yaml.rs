//! YAML, with the line of every value.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::{Key, MAX_DEPTH, MAX_NODES, Node, NodeKind};
use crate::{
    problem::{Place, Problem, Severity},
    source::Source,
};

/// Reads one document. `None`: there is nothing in it.
pub(super) fn parse(source: &Source) -> Result<Option<Node>, Problem> {
    read(source, Reader::document)
}

/// Reads every document.
pub(super) fn parse_all(source: &Source) -> Result<Vec<Node>, Problem> {
    read(source, Reader::documents)
}

fn read<'a, T>(
    source: &'a Source,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
) -> Result<T, Problem> {
    let mut reader = Reader {
        parser: Parser::new_from_str(source.text()),
        anchors: HashMap::new(),
        nodes: 0,
    };
    read(&mut reader).map_err(|error| {
        let place = Place {
            source: source.name().clone(),
            line: (error.line > 0).then_some(error.line),
            path: String::new(),
        };
        place.problem(Severity::Error, error.text)
    })
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

struct Error {
    line: u32,
    text: String,
}

fn error<T>(line: u32, text: impl Into<String>) -> Result<T, Error> {
    let text = text.into();
    Err(Error { line, text })
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Option<Node>, Error> {
        let mut found = None;
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(found),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ if found.is_some() => {
                    return error(line, "a second document; one file holds one");
                }
                event => found = Some(self.node(event, line, 0)?),
            }
        }
    }

    fn documents(&mut self) -> Result<Vec<Node>, Error> {
        let mut found = Vec::new();
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(found),
                // What one document names, another does not know.
                Event::DocumentStart(..) => self.anchors.clear(),
                Event::StreamStart | Event::DocumentEnd => {}
                event => found.push(self.node(event, line, 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, u32), Error> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, line(span))),
            Some(Err(problem)) => {
                let line = u32::try_from(problem.marker().line()).unwrap_or(0);
                error(line, format!("not YAML: {}", problem.info()))
            }
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn count(&mut self, nodes: usize, line: u32) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        match self.nodes > MAX_NODES {
            true => error(line, format!("more than {MAX_NODES} values")),
            false => Ok(()),
        }
    }

    fn node(&mut self, event: Event<'a>, line: u32, depth: usize) -> Result<Node, Error> {
        if depth > MAX_DEPTH {
            return error(line, format!("nested deeper than {MAX_DEPTH}"));
        }
        self.count(1, line)?;
        let before = self.nodes;
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (anchor, NodeKind::Scalar { text, plain })
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(depth)?),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return error(line, "an alias within what it stands for");
                };
                let (node, size) = (node.clone(), *size);
                self.count(size, line)?;
                return match depth.saturating_add(node.depth()) > MAX_DEPTH {
                    true => error(line, format!("nested deeper than {MAX_DEPTH}")),
                    false => Ok(node),
                };
            }
            other => return error(line, format!("not expected here: {other:?}")),
        };
        let node = Node { line, kind };
        if anchor > 0 {
            let size = self.nodes.saturating_sub(before).saturating_add(1);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<NodeKind, Error> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(NodeKind::List(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<NodeKind, Error> {
        let mut pairs = Vec::new();
        loop {
            let (event, line) = self.next()?;
            let text = match event {
                Event::MappingEnd => return Ok(NodeKind::Map(pairs)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return error(line, "a key has to be text"),
            };
            let (event, value) = self.next()?;
            pairs.push((Key { text, line }, self.node(event, value, depth + 1)?));
        }
    }
}

impl Node {
    fn depth(&self) -> usize {
        let below = match &self.kind {
            NodeKind::Scalar { .. } => None,
            NodeKind::List(items) => items.iter().map(Self::depth).max(),
            NodeKind::Map(pairs) => pairs.iter().map(|(_, value)| value.depth()).max(),
        };
        below.unwrap_or(0) + 1
    }
}

fn line(span: Span) -> u32 {
    u32::try_from(span.start.line()).unwrap_or(0)
}
