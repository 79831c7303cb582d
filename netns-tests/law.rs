//! The law of the house, read off the source: who may import whom, where `unsafe` lives, how long a file is, and that
//! each file says what it is for. A broken rule fails the test as a sentence. Needs no root and no network.

mod source;

use source::Source;
pub use source::all_sources;

/// What a room may see beside itself. `None`: everything.
fn may_see(room: &str) -> Option<&'static [&'static str]> {
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

/// Every import that the law forbids, as sentences.
fn forbidden_imports(source: &Source) -> Vec<String> {
    let room = source.room();
    let Some(allowed) = may_see(room) else { return Vec::new() };
    let refused = |seen: &&(usize, String)| seen.1 != room && !allowed.contains(&seen.1.as_str());
    let may = if allowed.is_empty() { "nobody".to_owned() } else { allowed.join(", ") };
    let sentence = |(line, seen): &(usize, String)| {
        format!("{}:{line}: `{room}` sees `{seen}`, and may see only: {may}", source.path)
    };
    source.rooms_seen().iter().filter(refused).map(sentence).collect()
}

/// Shows sentences if there are any.
#[track_caller]
fn nobody_breaks(rule: &str, sentences: &[String]) {
    assert!(sentences.is_empty(), "{rule}:\n{}", sentences.join("\n"));
}

#[test]
fn imports_go_one_way() {
    let broken: Vec<_> = all_sources("src").iter().flat_map(forbidden_imports).collect();
    nobody_breaks("the law of imports (src/lib.rs) is broken", &broken);
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
        (!(1..=20).contains(&opening)).then(|| format!("{} opens with {opening} lines of `//!`", source.path))
    };
    nobody_breaks("a file opens with a few `//!` lines", &sources.filter_map(sentence).collect::<Vec<_>>());
}

#[test]
fn no_file_is_a_drawer_for_everything() {
    const DRAWERS: [&str; 6] = ["utils.rs", "util.rs", "common.rs", "helpers.rs", "manager.rs", "mod.rs"];
    let name = |source: &Source| source.path.rsplit('/').next().unwrap_or_default().to_owned();
    let drawers = all_sources("src").into_iter().filter(|source| DRAWERS.contains(&name(source).as_str()));
    let broken: Vec<_> = drawers.map(|source| format!("{}: name it after what is in it", source.path)).collect();
    nobody_breaks("a file is named after its one subject", &broken);
}

#[test]
fn the_law_sees_every_way_to_import() {
    let seen = |path: &str, text: &str| {
        let source = Source::new(path, text);
        source.rooms_seen().iter().map(|(line, room)| format!("{line} {room}")).collect::<Vec<_>>()
    };
    assert_eq!(
        seen("src/plane/x.rs", "use crate::types::Mac;\nlet a = crate::config::file::load();"),
        ["1 types", "2 config"]
    );
    assert_eq!(seen("src/plane/x.rs", "use crate::{\n  types::{Mac, config},\n  api,\n};"), ["1 types", "1 api"]);
    assert_eq!(seen("src/plane/x.rs", "use super::super::ports::Batch;\nuse super::policy::x;"), ["1 ports"]);
    assert_eq!(seen("src/plane.rs", "mod tests { use super::super::api; }"), ["1 api"]);
    assert_eq!(
        seen("src/plane/x.rs", "// crate::api\n/* crate::api /* crate::api */ */ \"crate::api\" r#\"crate::api\"#"),
        [] as [&str; 0]
    );
    assert_eq!(
        seen("src/plane/x.rs", "let c = '\"'; crate::api; let d = '\\'' ; b'\"'; crate::cli::<'a>()"),
        ["1 api", "1 cli"]
    );
}

#[test]
fn a_forbidden_import_is_named() {
    let source = Source::new("src/plane/x.rs", "\nuse crate::control::service;");
    assert_eq!(forbidden_imports(&source), ["src/plane/x.rs:2: `plane` sees `control`, and may see only: types"]);
    let source = Source::new("src/types/x.rs", "use crate::clock::Clock;");
    assert_eq!(forbidden_imports(&source), ["src/types/x.rs:1: `types` sees `clock`, and may see only: nobody"]);
    assert!(forbidden_imports(&Source::new("src/cli/x.rs", "use crate::control::service;")).is_empty());
}

#[test]
fn tests_and_comments_are_no_code() {
    let text = "//! What for.\n//! What not.\n\nfn a() {\n    // why\n    /* long\n       story */\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    let source = Source::new("src/x.rs", text);
    assert_eq!((source.lines_of_code(), source.opening()), (2, 2));
    assert_eq!(Source::new("src/x/tests/y.rs", text).lines_of_code(), 0);
}
