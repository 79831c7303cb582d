//! The law of the house, read off the source: who may import whom, where `unsafe` lives, how long a file is, and that
//! each file says what it is for. A broken rule fails the test as a sentence. Needs no root and no network.

mod checks;
mod circles;
mod heads;
mod modules;
mod outline;
mod rooms;
mod sentences;
mod source;

use flowpin::plane::verdict::DropReason;
use modules::Modules;
use sentences::{forbidden_imports, goes_up, knots};
use source::Source;
pub use source::all_sources;
use std::sync::LazyLock;

/// Shows sentences if there are any.
#[track_caller]
fn nobody_breaks(rule: &str, sentences: &[String]) {
    assert!(sentences.is_empty(), "{rule}:\n{}", sentences.join("\n"));
}

/// The crates whose files are in an order: the library, and the tests beside this one.
fn crates() -> &'static [Modules; 2] {
    static CRATES: LazyLock<[Modules; 2]> =
        LazyLock::new(|| ["src", "netns-tests"].map(|root| Modules::read(&all_sources(root), root)));
    &CRATES
}

#[test]
fn imports_go_one_way() {
    let [modules, _] = crates();
    let broken: Vec<_> = (0..modules.paths.len()).flat_map(|file| forbidden_imports(modules, file)).collect();
    nobody_breaks("the law of imports (src/lib.rs) is broken", &broken);
}

#[test]
fn rooms_of_the_plane_and_of_control_see_only_the_rows_below() {
    let [modules, _] = crates();
    let broken: Vec<_> = modules.imports().iter().filter_map(|import| goes_up(modules, import)).collect();
    nobody_breaks("the rows of rooms (netns-tests/law/rooms.rs) are broken", &broken);
}

#[test]
fn no_files_import_each_other_not_even_through_others() {
    for modules in crates() {
        nobody_breaks("files stand in an order", &knots(modules, &modules.imports()));
    }
}

#[test]
fn nothing_is_taken_from_a_file_of_claims() {
    let [_, tests] = crates();
    let holds_claims = |file: usize| tests.holds_claims(file);
    let broken: Vec<_> = tests
        .imports()
        .iter()
        .filter(|import| holds_claims(import.to))
        .map(|import| format!("{}:{} takes from {}", tests.paths[import.from], import.line, tests.paths[import.to]))
        .collect();
    nobody_breaks("what tests share lives in a file without tests", &broken);
}

#[test]
fn what_a_head_must_never_know_is_not_imported() {
    for (modules, root) in crates().iter().zip(["src", "netns-tests"]) {
        let sources = all_sources(root);
        let broken: Vec<_> = sources.iter().flat_map(|source| heads::contradicted(source, modules)).collect();
        nobody_breaks("a head is contradicted", &broken);
        let strays: Vec<_> = sources.iter().flat_map(|source| heads::strays(source, modules)).collect();
        nobody_breaks("brackets behind what a file must never know name the file that does", &strays);
    }
}

#[test]
fn unsafe_lives_in_one_room() {
    let is_there = |source: &&Source| source.path.starts_with("src/ports/sys");
    let sources = all_sources("src");
    let sentence = |source: &Source| {
        let line = source.line_of_word("unsafe").or_else(|| source.line_of_word("unsafe_code"))?;
        Some(format!("{}:{line}: `unsafe` belongs in src/ports/sys", source.path))
    };
    let broken: Vec<_> = sources.iter().filter(|source| !is_there(source)).filter_map(sentence).collect();
    nobody_breaks("unsafe code outside of its room", &broken);
}

#[test]
fn no_file_has_more_than_400_lines_of_code() {
    const MOST: usize = 400;
    let sources = ["src", "netns-tests", "bench"].map(all_sources).into_iter().flatten();
    let sentence = |source: Source| {
        let lines = source.lines_of_code();
        (lines > MOST)
            .then(|| format!("{} has {lines} lines of code: split it where it speaks of two things", source.path))
    };
    nobody_breaks("files are short", &sources.filter_map(sentence).collect::<Vec<_>>());
}

#[test]
fn each_file_opens_by_saying_what_it_is_for() {
    let sources = ["src", "netns-tests", "bench"].map(all_sources).into_iter().flatten();
    let sentence = |source: Source| {
        let opening = source.opening();
        // The tour is a head that is read for itself.
        let most = if source.path == "src/lib.rs" { 70 } else { 20 };
        (!(1..=most).contains(&opening)).then(|| format!("{} opens with {opening} lines of `//!`", source.path))
    };
    nobody_breaks("a file opens with a few `//!` lines", &sources.filter_map(sentence).collect::<Vec<_>>());
}

#[test]
fn the_tour_names_only_files_that_are_there() {
    let sources = ["src", "netns-tests"].map(all_sources).into_iter().flatten().map(|source| source.path);
    let there: std::collections::HashSet<_> = sources.collect();
    let tours =
        all_sources("src").into_iter().filter(|source| ["src/lib.rs", "src/plane.rs"].contains(&source.path.as_str()));
    let named: Vec<_> = tours.flat_map(|tour| quoted_files(&tour.head())).collect();
    assert!(named.len() > 20, "{named:?}");
    let lost = named.iter().filter(|name| !there.contains(*name)).map(|name| format!("there is no {name}"));
    nobody_breaks("the tour of src/lib.rs leads astray", &lost.collect::<Vec<_>>());
}

/// Every path of a `.rs` file between backquotes.
fn quoted_files(text: &str) -> Vec<String> {
    text.split('`').filter(|word| word.ends_with(".rs") && word.contains('/')).map(str::to_owned).collect()
}

#[test]
fn every_drop_reason_is_named_in_a_test() {
    let tests: String =
        ["src", "netns-tests"].into_iter().flat_map(all_sources).map(|source| source.tests().to_owned()).collect();
    let is_named = |reason: &DropReason| {
        [format!("DropReason::{reason:?}"), format!("\"{}\"", reason.name())].iter().any(|it| tests.contains(it))
    };
    let lost = DropReason::ALL.iter().filter(|reason| !is_named(reason));
    let broken: Vec<_> = lost.map(|reason| format!("no test drops a packet as `{}`", reason.name())).collect();
    nobody_breaks("a drop reason is a row of a test", &broken);
}

#[test]
fn no_file_is_a_drawer_for_everything() {
    const DRAWERS: [&str; 6] = ["utils.rs", "util.rs", "common.rs", "helpers.rs", "manager.rs", "mod.rs"];
    let name = |source: &Source| source.path.rsplit('/').next().unwrap_or_default().to_owned();
    let drawers = all_sources("src").into_iter().filter(|source| DRAWERS.contains(&name(source).as_str()));
    let broken: Vec<_> = drawers.map(|source| format!("{}: name it after what is in it", source.path)).collect();
    nobody_breaks("a file is named after its one subject", &broken);
}
