//! Explanations in words.

use std::fmt::{self, Write as _};

use meta_core::{Change, Mutation, Route};
use meta_router::{AskedCondition, AskedRoute};

use super::Explained;

pub(super) fn write(it: &Explained<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let place = it.place;
    let routes = match place.table.len() {
        1 => "1 route".to_owned(),
        count => format!("{count} routes"),
    };
    writeln!(
        f,
        "listener {}, filter chain {}: {routes}\n",
        place.listener, place.chain
    )?;
    for asked in &it.explanation.asked {
        write_route(asked, f)?;
    }
    let Some(matched) = it.explanation.matched() else {
        return writeln!(f, "\nno route matches: the answer is no_matched_route");
    };
    match it.explanation.not_asked {
        0 => {}
        1 => writeln!(f, "1 route behind it is not asked")?,
        count => writeln!(f, "{count} routes behind it are not asked")?,
    }
    f.write_char('\n')?;
    write_way(matched.route, it.call.is_one_way(), f)
}

fn write_route(asked: &AskedRoute<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let verdict = match asked.matches() {
        true => "matches",
        false => "does not match",
    };
    writeln!(f, "route {} {:?} {verdict}", asked.index, asked.route.name)?;
    if asked.conditions.is_empty() {
        writeln!(f, "  yes  it has no conditions")?;
    }
    for condition in &asked.conditions {
        write_condition(condition, f)?;
    }
    Ok(())
}

fn write_condition(condition: &AskedCondition<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let AskedCondition { matcher, found, .. } = condition;
    let holds = if condition.holds { "yes" } else { "no " };
    write!(f, "  {holds}  {matcher}: ")?;
    match (condition.of_connection.is_some(), found) {
        (false, Some(value)) => writeln!(f, "found {value:?}"),
        (false, None) => writeln!(f, "missing"),
        (true, Some(value)) => writeln!(f, "the connection has {value:?}"),
        (true, None) => writeln!(f, "missing of the connection"),
    }
}

/// Where requests of a route go, and how.
fn write_way(route: &Route, is_one_way: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let weights = route.destinations.iter().map(|to| u64::from(to.weight));
    let sum: u64 = weights.sum();
    match &route.destinations[..] {
        [only] => writeln!(f, "cluster {}", only.cluster)?,
        several => {
            for to in several {
                writeln!(f, "cluster {}: {} of {sum}", to.cluster, to.weight)?;
            }
        }
    }
    for mirror in &route.mirrors {
        let part = mirror.fraction;
        writeln!(
            f,
            "mirror {}: {} of {}",
            mirror.cluster, part.numerator, part.per
        )?;
    }
    let default = match route.timeout {
        None => ", the default",
        Some(_) => "",
    };
    match route.effective_timeout() {
        None => writeln!(f, "timeout none but the client's own")?,
        Some(timeout) => writeln!(
            f,
            "timeout {timeout:?}{default}; the client's own shortens it"
        )?,
    }
    write_changes("request", &route.request_mutation, f)?;
    match (is_one_way, route.response_mutation.is_empty()) {
        (true, false) => writeln!(f, "no response is changed: a one-way call has none"),
        _ => write_changes("response", &route.response_mutation, f),
    }
}

fn write_changes(whose: &str, mutation: &Mutation, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for change in mutation {
        match change {
            Change::Set { key, value } => writeln!(f, "{whose}: set {key} to {value:?}")?,
            change => writeln!(f, "{whose}: remove {}", change.key())?,
        }
    }
    Ok(())
}
