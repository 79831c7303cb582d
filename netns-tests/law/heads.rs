//! What a file's head says that it must never know: every word that is a module's name, or a crate's, is held against the
//! file's imports; other words are for readers. A file in brackets is the one that does know.
//! Must never know: circles.

use super::modules::{Import, Modules};
use super::outline::{around, below};
use super::rooms::inner_rooms;
use super::source::Source;

/// One thing that a file says it does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    pub what: String,
    /// The file in brackets behind it.
    pub who_knows: Option<String>,
}

/// The things that a head lists, up to the end of the sentence: `Must never know: the policy (compile.rs), sockets.`
pub fn unknowns(head: &str) -> Vec<Unknown> {
    let Some((_, list)) = head.split_once("Must never know:") else { return Vec::new() };
    let end = list.find(". ").or_else(|| list.trim_end().strip_suffix('.').map(str::len)).unwrap_or(list.len());
    let things = list[..end].split([',', ';']).map(str::trim).filter(|thing| !thing.is_empty());
    things.map(unknown).collect()
}

fn unknown(thing: &str) -> Unknown {
    let (what, who_knows) = match thing.split_once('(') {
        Some((what, file)) => (what.trim(), Some(file.trim_end_matches(')').trim().to_owned())),
        None => (thing, None),
    };
    let bare = ["the ", "a ", "an "].iter().find_map(|article| what.strip_prefix(article)).unwrap_or(what);
    Unknown { what: bare.trim_matches('`').to_lowercase(), who_knows }
}

/// Everything in a file's head that its own imports contradict, as sentences.
pub fn contradicted(source: &Source, modules: &Modules) -> Vec<String> {
    let Some(file) = modules.file_at(&source.path) else { return Vec::new() };
    let things = unknowns(&source.head());
    things
        .iter()
        .flat_map(|thing| [stranger(modules, file, &thing.what), neighbour(modules, file, &thing.what)])
        .flatten()
        .collect()
}

/// Brackets that name no file near by, as sentences.
pub fn strays(source: &Source, modules: &Modules) -> Vec<String> {
    let names = unknowns(&source.head()).into_iter().filter_map(|thing| thing.who_knows);
    let strays = names.filter(|name| !stands(modules, &source.path, name));
    strays.map(|name| format!("{}: there is no `{name}` near it", source.path)).collect()
}

/// A crate of that name that the file uses.
fn stranger(modules: &Modules, file: usize, what: &str) -> Option<String> {
    let path = &modules.paths[file];
    let sentence = format!("{path} must never know `{what}`, and uses the crate of that name");
    modules.strangers_of(file).contains(what).then_some(sentence)
}

/// The first import from a module of that name, in one number or the other.
fn neighbour(modules: &Modules, file: usize, what: &str) -> Option<String> {
    let singular = what.strip_suffix('s').unwrap_or(what);
    let forbidden: Vec<_> = [what, singular].into_iter().flat_map(|name| named(modules, file, name)).collect();
    let is_inside = |module: &str, room: &String| module == room || module.starts_with(&format!("{room}::"));
    let is_forbidden = |import: &Import| forbidden.iter().any(|room| is_inside(modules.name(import.to), room));
    let import = modules.imports_of(file).into_iter().find(is_forbidden)?;
    let (path, other) = (&modules.paths[file], &modules.paths[import.to]);
    Some(format!("{path}:{} must never know `{what}`, and imports from {other}", import.line))
}

/// Modules of a name that a file can mean: its own, those beside it and beside each module around it, and the rooms within
/// `plane` and `control`; none that the file itself is in.
fn named(modules: &Modules, file: usize, name: &str) -> Vec<String> {
    let mut near = Vec::new();
    let mut at = modules.name(file);
    loop {
        near.push(below(at, name));
        if at.is_empty() {
            break;
        }
        at = around(at);
    }
    near.extend(inner_rooms().into_iter().filter(|room| room.rsplit("::").next() == Some(name)));
    let own = modules.name(file);
    near.retain(|module| modules.file(module).is_some() && own != module && !own.starts_with(&format!("{module}::")));
    near
}

/// Whether a file of that name stands in the folder of a file, in a folder around it, or in its own folder.
fn stands(modules: &Modules, path: &str, name: &str) -> bool {
    let mut folder = path.trim_end_matches(".rs");
    loop {
        if modules.paths.iter().any(|path| *path == format!("{folder}/{name}")) {
            return true;
        }
        let Some((outer, _)) = folder.rsplit_once('/') else { return false };
        folder = outer;
    }
}
