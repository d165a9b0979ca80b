//! Good files made bad in every place: never a panic, always a problem with its path.

use crate::support::{DUBBO, RDS, THRIFT, load};

/// A variant, and the number of the line that was changed.
fn variants(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<_> = text.lines().collect();
    let mut variants = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((before, key, value)) = split(line) else {
            continue;
        };
        let mut with = |line: String| {
            let mut lines = lines.clone();
            lines[index] = &line;
            variants.push((index + 1, lines.join("\n")));
        };
        with(format!("{before}x{key}: {value}"));
        if !value.is_empty() && value != "|" {
            with(format!("{before}{key}: {{ nothing: [ like, this ] }}"));
            with(format!("{before}{key}: [ [ 7 ], {{ a: b }} ]"));
        }
    }
    variants
}

/// What comes before a key, the key, and its value.
fn split(line: &str) -> Option<(&str, &str, &str)> {
    let start = line.find(|c: char| !" -".contains(c))?;
    let (before, rest) = line.split_at(start);
    let (key, value) = rest.split_once(':')?;
    // Comments, and what is free-form.
    let is_key = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_'@".contains(c));
    (is_key && !rest.contains("LABELS")).then_some((before, key, value.trim()))
}

#[test]
fn every_variant_has_its_problem() {
    // What follows stands in a type that only its owner knows.
    let free = ["max_payload_bytes", "on_mismatch"];
    let mut count = 0;
    for text in [THRIFT, DUBBO] {
        for (number, variant) in variants(text) {
            let line = variant.lines().nth(number - 1).unwrap_or_default();
            if free.iter().any(|name| line.contains(name)) || line.contains("type.example.com") {
                continue;
            }
            let Err(problems) = load(&[&variant]) else {
                panic!("line {number} passes: {line}");
            };
            let placed =
                |p: &&meta_rds::Problem| !p.place.path.is_empty() && p.place.line.is_some();
            assert!(problems.iter().any(|p| placed(&p)), "{line}: {problems:#?}");
            count += 1;
        }
    }
    assert!(count >= 100, "{count} variants");
}

#[test]
fn nothing_panics_that_is_cut_or_garbled() {
    for text in [THRIFT, DUBBO, RDS] {
        for end in (0..text.len()).step_by(97) {
            let _ = load(&[&text[..end]]);
        }
        for at in (0..text.len()).step_by(197) {
            for garbage in ["\0", "}", "[", "- ", "&a *a", "\u{feff}", "\"", "9e999"] {
                let (before, after) = text.split_at(at);
                let _ = load(&[&format!("{before}{garbage}{after}")]);
            }
        }
    }
}
