//! The page of messages: each stands in the program.

use crate::{files, read, root};

/// All that the program's sources say, lines of one text joined.
fn sources() -> String {
    let crates = [
        "codec-dubbo",
        "codec-thrift",
        "meta-codec",
        "meta-core",
        "meta-filters",
        "meta-proxy-bin",
        "meta-rds",
        "meta-router",
        "meta-tls",
    ];
    let paths = crates.map(|name| files(&root().join(name).join("src"), ".rs"));
    let mut all = String::new();
    for path in paths.iter().flatten() {
        let text = read(path);
        // A backslash at the end of a line joins it to the next.
        let mut lines = text.split("\\\n");
        all.push_str(lines.next().unwrap_or_default());
        for line in lines {
            all.push_str(line.trim_start());
        }
    }
    all
}

/// The texts in backquotes in the first column of the page's tables.
fn told(page: &str) -> impl Iterator<Item = &str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let columns = rows.filter_map(|row| row.split_once(" |"));
    columns.flat_map(|(column, _)| column.split('`').step_by(2))
}

/// The parts of a message that never change: what is left of it without `…`, quoted
/// values and words in capitals, which stand for others.
fn fixed(message: &str) -> Vec<String> {
    let stands_for_another =
        |word: &str| word == "…" || word.chars().all(|c| c.is_ascii_uppercase() || c == ':');
    let mut parts = vec![String::new()];
    for word in message.split(' ') {
        let bare = word.trim_matches(|c| c == '"' || c == ':');
        let last = parts.last_mut().expect("there is one");
        if bare.contains('…') || stands_for_another(bare) {
            parts.push(String::new());
        } else if last.is_empty() {
            last.push_str(word);
        } else {
            *last = format!("{last} {word}");
        }
    }
    parts.retain(|part| part.len() > 2);
    parts
}

#[test]
fn each_is_said_by_the_program() {
    let sources = sources();
    let page = read(root().join("docs/messages.md"));
    let (mut count, mut unknown) = (0, Vec::new());
    for message in told(&page) {
        for part in fixed(message) {
            let part = part.trim_end_matches(':');
            if !sources.contains(part) {
                unknown.push(format!("{message}: {part:?}"));
            }
        }
        count += 1;
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(count > 50, "{count} messages");
}

#[test]
fn each_word_of_a_local_reply_is_told() {
    let page = read(root().join("docs/messages.md"));
    let source = read(root().join("meta-core/src/local_reply.rs"));
    let (_, words) = source.split_once("fn as_str").expect("it is there");
    let (words, _) = words.split_once("fn origin").expect("it follows");
    let words: Vec<_> = words.split('"').skip(1).step_by(2).collect();
    assert!(words.len() >= 15, "{words:?}");
    for word in words {
        assert!(page.contains(&format!("| `{word}` |")), "{word}");
    }
}
