//! The law of imports as data: which room of the crate sees which, and the rows in which the rooms of `plane` and of
//! `control` stand. Must never know: source, outline.

/// What a room of the crate may see beside itself. `None`: everything.
pub fn may_see(room: &str) -> Option<&'static [&'static str]> {
    match room {
        "types" => Some(&[]),
        "plane" | "health" | "ports" | "config" | "api" | "clock" => Some(&["types"]),
        "lab" => Some(&["clock"]),
        "workers" => Some(&["types", "plane", "health", "ports", "config", "api", "clock"]),
        "control" => Some(&["types", "plane", "health", "ports", "config", "api", "clock", "workers"]),
        "cli" | "main" => None,
        _ => Some(&[]),
    }
}

/// The rooms of `plane` from the bottom up. A room sees the rows below its own, never a room beside it.
const PLANE: &[&[&str]] = &[
    &["keyed"],
    &["verdict", "outbox", "limiter", "lease"],
    &["packet", "counters"],
    &["translate", "craft", "mapping"],
    &["policy"],
    &["probing", "context", "flow", "fragment"],
    &["refusal"],
    &["neighbor"],
    &["path", "health"],
    &["state"],
    &["choose"],
    &["pass"],
    &["tell"],
    &["process", "tick"],
];

/// The rooms of `control` from the bottom up.
const CONTROL: &[&[&str]] = &[
    &["netlink", "rights", "gauge", "compile"],
    &["kernel", "controller"],
    &["links", "report", "journal"],
    &["socket"],
    &["privileges"],
    &["service"],
];

/// Rooms that have rooms of their own.
const HOUSES: [(&str, &[&[&str]]); 2] = [("plane", PLANE), ("control", CONTROL)];

/// Names that an inner room of `plane` or `control` has, as modules.
pub fn inner_rooms() -> Vec<String> {
    let names = |(house, rows): (&str, &[&[&str]])| -> Vec<String> {
        rows.iter().copied().flatten().map(|room| format!("{house}::{room}")).collect()
    };
    HOUSES.into_iter().flat_map(names).collect()
}

/// The house that a module stands in, and its room there.
fn inner(module: &str) -> Option<(&str, &str)> {
    let (house, rest) = module.split_once("::")?;
    let is_house = HOUSES.iter().any(|(name, _)| *name == house);
    is_house.then(|| (house, rest.split("::").next().unwrap_or_default()))
}

fn row(house: &str, room: &str) -> Option<usize> {
    let (_, rows) = HOUSES.iter().find(|(name, _)| *name == house)?;
    rows.iter().position(|rows| rows.contains(&room))
}

/// Why a module of `plane` or `control` may not import from another of the same house.
pub fn why_not(from: &str, to: &str) -> Option<String> {
    let ((house, above), (other, below)) = (inner(from)?, inner(to)?);
    if house != other || above == below {
        return None;
    }
    let lost = |room: &str| format!("`{house}/{room}` has no row in netns-tests/law/rooms.rs: give it one");
    match (row(house, above), row(house, below)) {
        (None, _) => Some(lost(above)),
        (_, None) => Some(lost(below)),
        (Some(from), Some(to)) if from < to => Some(format!("`{house}/{above}` stands below `{house}/{below}`")),
        (Some(from), Some(to)) if from == to => Some(format!("`{house}/{above}` stands beside `{house}/{below}`")),
        _ => None,
    }
}
