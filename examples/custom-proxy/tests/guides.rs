//! What the guides quote is what stands in the examples.

use std::{fs, path::Path};

const GUIDES: [&str; 3] = ["embedding.md", "writing-a-codec.md", "writing-a-filter.md"];

#[test]
fn quotations_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for guide in GUIDES {
        let text = fs::read_to_string(root.join("docs").join(guide)).expect("a guide");
        let quotations = quotations(&text);
        assert!(quotations.len() >= 5, "{guide} quotes too little");
        for (path, quotation) in quotations {
            let file = fs::read_to_string(root.join(path));
            let file = file.unwrap_or_else(|error| panic!("{guide}: {path}: {error}"));
            let stands = file.contains(&quotation);
            assert!(stands, "{guide}: not in {path}:\n{quotation}");
        }
    }
}

/// The blocks that begin with the name of a file, and their other lines.
fn quotations(guide: &str) -> Vec<(&str, String)> {
    let blocks = guide.split("\n```").skip(1).step_by(2);
    blocks.filter_map(quotation).collect()
}

fn quotation(block: &str) -> Option<(&str, String)> {
    let (_language, lines) = block.split_once('\n')?;
    let (first, rest) = lines.split_once('\n')?;
    let path = first.trim_start_matches(['/', '#', ' ']);
    path.starts_with("examples/")
        .then(|| (path, format!("{rest}\n")))
}
