//! Which of a listener's filter chains is meant.

/// The place of the one that goes by `asked`, of chains of these names, the default one
/// last: by its name, by its place, or as `default`. Without being asked, the only one.
///
/// # Errors
///
/// Where there is none, or there are several; tells what they are called.
pub(crate) fn choose(
    names: &[&str],
    has_default: bool,
    asked: Option<&str>,
) -> Result<(usize, String), String> {
    let default = names.len().checked_sub(1).filter(|_| has_default);
    let label = |at: usize| match names.get(at) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ if default == Some(at) => "default".to_owned(),
        _ => at.to_string(),
    };
    let mut places = 0..names.len();
    let found = match asked {
        None if names.len() == 1 => Some(0),
        None => None,
        // A name comes before a place.
        Some(asked) => {
            let by_name = names
                .iter()
                .position(|name| *name == asked && !asked.is_empty());
            by_name.or_else(|| places.find(|at| label(*at) == asked))
        }
    };
    let by_place = || {
        let at: usize = asked?.parse().ok()?;
        (at < names.len()).then_some(at)
    };
    if let Some(at) = found.or_else(by_place) {
        return Ok((at, label(at)));
    }
    let all: Vec<_> = (0..names.len()).map(label).collect();
    Err(match asked {
        Some(asked) => format!("there is no filter chain {asked:?}, but {}", all.join(", ")),
        None => format!("there are several filter chains: {}", all.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_or_place() {
        let names = ["", "1", "tls", ""];
        for (asked, expected) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("2", Some(2)),
            ("tls", Some(2)),
            ("default", Some(3)),
            ("3", Some(3)),
            ("4", None),
            ("", None),
        ] {
            let found = choose(&names, true, Some(asked)).ok();
            assert_eq!(found.map(|(at, _)| at), expected, "{asked:?}");
        }
        let error = choose(&names, true, None).expect_err("there are four");
        assert_eq!(error, "there are several filter chains: 0, 1, tls, default");
        assert_eq!(choose(&[""], false, None), Ok((0, "0".to_owned())));
        assert_eq!(choose(&["x"], true, None), Ok((0, "x".to_owned())));
        let error = choose(&[""], false, Some("y")).expect_err("there is one");
        assert_eq!(error, "there is no filter chain \"y\", but 0");
    }
}
