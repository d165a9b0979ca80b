//! Paths: where in a configuration a value stands.

use std::fmt;

/// A place, as a chain that leads to the outermost message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl Path<'_> {
    pub(crate) const ROOT: Path<'static> = Path {
        parent: None,
        step: Step::Root,
    };

    pub(crate) fn field<'a>(&'a self, name: &'a str) -> Path<'a> {
        self.then(Step::Field(name))
    }

    pub(crate) fn index(&self, index: usize) -> Path<'_> {
        self.then(Step::Index(index))
    }

    pub(crate) fn key<'a>(&'a self, key: &'a str) -> Path<'a> {
        self.then(Step::Key(key))
    }

    fn then<'a>(&'a self, step: Step<'a>) -> Path<'a> {
        Path {
            parent: Some(self),
            step,
        }
    }

    /// The steps from the outermost message to here.
    pub(crate) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(path) = place {
            steps.push(path.step);
            place = path.parent;
        }
        steps.reverse();
        steps
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for step in self.steps() {
            match step {
                Step::Root => continue,
                Step::Field(name) if first => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_from_outside_in() {
        let root = Path::ROOT;
        assert_eq!(root.to_string(), "");
        let list = root.field("clusters");
        let cluster = list.index(3);
        let map = cluster.field("metadata");
        assert_eq!(map.key("a.b").to_string(), "clusters[3].metadata[\"a.b\"]");
    }
}
