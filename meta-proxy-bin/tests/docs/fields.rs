//! The reference of the configuration: every field that works stands in it.

use crate::{files, read, root};

/// Names that several messages have or that say nothing by themselves.
const OBVIOUS: [&str; 4] = ["name", "typed_config", "config", "match"];

#[test]
fn every_field_that_works_is_told() {
    // What takes long to explain has a page of its own, to which the reference leads.
    let pages = files(&root().join("docs"), ".md");
    let pages: String = pages.iter().map(read).collect();
    let (mut count, mut untold) = (0, Vec::new());
    for path in files(&root().join("meta-rds/src/support"), ".rs") {
        let text = read(&path);
        for entry in text.split("(\"").skip(1) {
            let Some((field, rest)) = entry.split_once('"') else {
                continue;
            };
            let works = rest
                .trim_start_matches([',', ' ', '\n'])
                .starts_with("Works");
            if works && !OBVIOUS.contains(&field) {
                if !pages.contains(field) {
                    untold.push(format!("{field} of {}", path.display()));
                }
                count += 1;
            }
        }
    }
    assert!(untold.is_empty(), "{untold:#?}");
    assert!(count > 60, "{count} fields");
}
