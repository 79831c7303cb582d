//! Broken rules of imports as sentences, each with its place. Must never know: source, outline.

use super::circles::Circles;
use super::modules::{Import, Modules};
use super::rooms::{may_see, why_not};

/// Every import that the law of rooms forbids, as sentences. Tests obey it too.
pub fn forbidden_imports(modules: &Modules, file: usize) -> Vec<String> {
    let room = modules.room(file);
    let Some(allowed) = may_see(room) else { return Vec::new() };
    let refused = |(_, seen): &(usize, String)| seen != room && !allowed.contains(&seen.as_str());
    let may = if allowed.is_empty() { "nobody".to_owned() } else { allowed.join(", ") };
    let sentence = |(line, seen): (usize, String)| {
        format!("{}:{line}: `{room}` sees `{seen}`, and may see only: {may}", modules.paths[file])
    };
    modules.rooms_seen(file).into_iter().filter(refused).map(sentence).collect()
}

/// An import between two rooms of `plane`, or of `control`, that goes up or sideways, as a sentence.
pub fn goes_up(modules: &Modules, import: &Import) -> Option<String> {
    let why = why_not(modules.name(import.from), modules.name(import.to))?;
    Some(format!("{}:{} imports from {}: {why}", modules.paths[import.from], import.line, modules.paths[import.to]))
}

/// Each knot of files that import each other, as a sentence with every import of it.
pub fn knots(modules: &Modules, imports: &[Import]) -> Vec<String> {
    let line = |import: &Import| {
        format!("\n  {}:{} imports from {}", modules.paths[import.from], import.line, modules.paths[import.to])
    };
    let sentence = |knot: Vec<Import>| format!("a circle:{}", knot.iter().map(line).collect::<String>());
    Circles::among(imports).knots().into_iter().map(sentence).collect()
}
