//! Links, and the book's table of contents.

use std::path::Path;

use crate::{files, read, root};

/// What the links of a page lead to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("](").skip(1);
    behind.filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
}

/// The anchors of a page, as its headings make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().chars();
        let kept = kept.filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let text: String = kept.collect();
        text.to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let docs = root().join("docs");
    let mut pages = files(&docs, ".md");
    pages.push(root().join("README.md"));
    let mut count = 0;
    for page in pages {
        let text = read(&page);
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = page.parent().expect("it stands in a folder");
            let target = match path {
                "" => page.clone(),
                path => folder.join(path),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let known = anchors(&read(&target));
                let there = known.iter().any(|own| own == anchor);
                assert!(there, "{}: {link}: {known:?}", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count} links");
}

#[test]
fn every_page_stands_in_the_book_and_in_the_readme() {
    let docs = root().join("docs");
    let summary = read(docs.join("SUMMARY.md"));
    let readme = read(docs.join("README.md"));
    for page in files(&docs, ".md") {
        let name = page.strip_prefix(&docs).expect("it is below");
        if name == Path::new("SUMMARY.md") {
            continue;
        }
        let name = name.to_string_lossy().into_owned();
        let is_in = |text: &str| links(text).any(|link| link == name);
        assert!(is_in(&summary), "{name} in SUMMARY.md");
        let is_own = name == "README.md" || name.starts_with("rfcs/");
        assert!(is_own || is_in(&readme), "{name} in README.md");
    }
}
