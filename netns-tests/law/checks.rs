//! The checker itself, on small texts: it sees every way to import, follows signposts, and finds circles and false heads.

use super::circles::Circles;
use super::heads::{Unknown, contradicted, strays, unknowns};
use super::modules::{Import, Modules};
use super::outline::{Outline, outline};
use super::rooms::{may_see, why_not};
use super::sentences::{forbidden_imports, knots};
use super::source::Source;

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source::new(path, text)).collect()
}

fn read(files: &[(&str, &str)]) -> Modules {
    Modules::read(&sources(files), "src")
}

/// A house of empty files, for the file that is looked at.
const HOUSE: [(&str, &str); 9] = [
    ("src/api.rs", ""),
    ("src/config.rs", ""),
    ("src/config/file.rs", ""),
    ("src/config/file/check.rs", ""),
    ("src/config/file/reader.rs", ""),
    ("src/control.rs", ""),
    ("src/control/links.rs", ""),
    ("src/plane.rs", ""),
    ("src/plane/policy.rs", ""),
];

/// Imports between the files below src/, as `from:line to`.
fn imports(files: &[(&str, &str)]) -> Vec<String> {
    let modules = read(files);
    let short = |file: usize| modules.paths[file].trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    let line = |import: &Import| format!("{}:{} {}", short(import.from), import.line, short(import.to));
    modules.imports().iter().map(line).collect()
}

/// What a text brings in, as `path` or `path=name`.
fn uses(text: &str) -> Vec<String> {
    let outline = outline("x", Source::new("src/x.rs", text).code());
    let whole = |used: super::outline::Use| {
        let path = used.named.path.join("::");
        let renamed = used.named.path.last() != Some(&used.name);
        if renamed { format!("{path}={}", used.name) } else { path }
    };
    outline.uses.into_iter().map(whole).collect()
}

#[test]
fn a_use_is_read_with_its_groups_renames_and_globs() {
    assert_eq!(uses("use crate::a::b;"), ["crate::a::b"]);
    assert_eq!(
        uses("pub(crate) use super::{a, b::{self, c as d}, e::*,};"),
        ["super::a", "super::b", "super::b::c=d", "super::e::*"]
    );
    assert_eq!(uses("use ::std::fs; fn f() { use self::g::H; }"), ["std::fs", "self::g::H"]);
    assert_eq!(uses("use a::T as _; fn f<'a>() -> impl Fn() + use<'a> {}"), ["a::T=_"]);
    assert_eq!(uses("// use a::b;\nlet text = \"use c::d;\";"), [] as [&str; 0]);
}

#[test]
fn inline_modules_and_tests_are_told_apart() {
    let text = "mod a;\npub mod b { use super::c; }\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests { use super::d; }\n#[cfg(test)]\nmod e;\nuse f::g;";
    let Outline { declared, uses, .. } = outline("x", Source::new("src/x.rs", text).code());
    let modules: Vec<_> = declared.iter().map(|d| (d.module.as_str(), d.is_inline, d.is_test)).collect();
    assert_eq!(
        modules,
        [("x::a", false, false), ("x::b", true, false), ("x::tests", true, true), ("x::e", false, true)]
    );
    let uses: Vec<_> = uses.iter().map(|used| (used.named.module.as_str(), used.named.is_test)).collect();
    assert_eq!(uses, [("x::b", false), ("x::tests", true), ("x", false)]);
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    let seen = |path: &str, text: &str| {
        let modules = read(&[(path, text), ("src/plane/policy.rs", ""), ("src/api.rs", "")]);
        modules.rooms_seen(0).iter().map(|(line, room)| format!("{line} {room}")).collect::<Vec<_>>()
    };
    let text = "use crate::types::Mac;\nlet a = crate::config::file::load();";
    assert_eq!(seen("src/plane/x.rs", text), ["1 types", "2 config"]);
    let text = "use crate::{\n  types::{Mac, config},\n  api,\n};";
    assert_eq!(seen("src/plane/x.rs", text), ["2 types", "2 types", "3 api"]);
    let text = "use super::super::ports::Batch;\nuse super::policy::x;\nlet b = super::super::health::y;";
    assert_eq!(seen("src/plane/x.rs", text), ["1 ports", "2 plane", "3 health"]);
    assert_eq!(seen("src/plane.rs", "mod tests { use super::super::api; }"), ["1 api"]);
    let text = "// crate::api\n/* crate::api /* crate::api */ */ \"crate::api\" r#\"crate::api\"#";
    assert_eq!(seen("src/plane/x.rs", text), [] as [&str; 0]);
    let text = "let c = '\"'; crate::api::x; let d = '\\'' ; b'\"'; crate::cli::<'a>::y()";
    assert_eq!(seen("src/plane/x.rs", text), ["1 api", "1 cli"]);
}

#[test]
fn a_forbidden_import_is_named() {
    let broken = |path: &str, text: &str| forbidden_imports(&read(&[(path, text)]), 0);
    let text = "\nuse crate::control::service;";
    assert_eq!(broken("src/plane/x.rs", text), ["src/plane/x.rs:2: `plane` sees `control`, and may see only: types"]);
    let text = "use crate::clock::Clock;";
    assert_eq!(broken("src/types/x.rs", text), ["src/types/x.rs:1: `types` sees `clock`, and may see only: nobody"]);
    assert!(broken("src/cli/x.rs", "use crate::control::service;").is_empty());
    assert_eq!(may_see("a-new-room"), Some(&[] as &[&str]));
}

#[test]
fn an_import_leads_to_the_file_that_defines_the_name() {
    let b = ("src/a/b.rs", "pub struct B;");
    let a = ("src/a.rs", "pub mod b;\npub use b::B;\npub fn f() {}");
    // Through a re-export, by a module's name, by a renamed module, by a path in code, by another one's `use`.
    assert_eq!(imports(&[a, b, ("src/c.rs", "use crate::a::B;")]), ["c:1 a/b"]);
    assert_eq!(imports(&[a, b, ("src/c.rs", "use crate::a::b;\nlet x = b::B;")]), ["c:2 a/b"]);
    assert_eq!(
        imports(&[a, b, ("src/c.rs", "use crate::a as x;\nlet b = x::b::B::new(x::f());")]),
        ["c:2 a", "c:2 a/b"]
    );
    assert_eq!(imports(&[a, b, ("src/c.rs", "let b = crate::a::B;")]), ["c:1 a/b"]);
    assert_eq!(imports(&[a, b, ("src/a/c.rs", "use super::*;")]), ["a/c:1 a"]);
    let d = ("src/d.rs", "use crate::a::B;\nmod e;");
    assert_eq!(imports(&[a, b, d, ("src/d/e.rs", "\nuse super::B;")]), ["d:1 a/b", "d/e:2 a/b"]);
    // A function that has its module's name, and a module inside of a file.
    let f = ("src/f.rs", "mod g;\npub use g::{g, h};");
    let g = ("src/f/g.rs", "pub fn g() {} pub mod i { pub const J: u8 = 0; }");
    assert_eq!(imports(&[f, g, ("src/c.rs", "use crate::f::g;")]), ["c:1 f/g"]);
    assert_eq!(imports(&[f, g, ("src/f/c.rs", "use super::g::i::J;")]), ["f/c:1 f/g"]);
    // Other crates, and what is no module.
    assert_eq!(imports(&[a, b, ("src/c.rs", "use std::fs; use serde::{self}; let x = T::new();")]), [] as [&str; 0]);
}

#[test]
fn a_reexport_is_no_import_unless_the_file_uses_the_name_itself() {
    let b = ("src/a/b.rs", "pub struct B;\npub struct C;");
    assert_eq!(imports(&[("src/a.rs", "pub use b::B;"), b, ("src/a/b.rs", "")]), [] as [&str; 0]);
    assert_eq!(imports(&[("src/a.rs", "pub use b::{B, C};\nfn f(c: C) {}"), b]), ["a:1 a/b"]);
    assert_eq!(imports(&[("src/a.rs", "pub use b::b;\nfn f() { let b = a; }"), b]), [] as [&str; 0]);
    assert_eq!(imports(&[("src/a.rs", "pub use b::b;\nfn f() { b(1) }"), b]), ["a:1 a/b"]);
    assert_eq!(
        imports(&[("src/a.rs", "pub use b::B;\n#[cfg(test)]\nmod tests { fn f(b: B) {} }"), b]),
        [] as [&str; 0]
    );
}

#[test]
fn imports_of_tests_make_no_circle() {
    let a = ("src/a.rs", "use crate::b::B;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod sample { use crate::c::C; }");
    let others = [
        ("src/a/tests.rs", "use crate::c::C;"),
        ("src/a/tests/d.rs", "use crate::c::C;"),
        ("src/b.rs", ""),
        ("src/c.rs", ""),
    ];
    assert_eq!(imports(&[&[a], &others[..]].concat()), ["a:1 b"]);
}

#[test]
fn a_circle_is_told_with_every_import_of_it() {
    let files = [
        ("src/a.rs", "use crate::b::B;"),
        ("src/b.rs", "\nuse crate::c::C;"),
        ("src/c.rs", "use crate::a::A;\nuse crate::d::D;"),
        ("src/d.rs", "use crate::e::E;"),
        ("src/e.rs", "use crate::d::D;"),
        ("src/f.rs", "use crate::a::A;"),
    ];
    let modules = read(&files);
    let imports = modules.imports();
    let whole = "a circle:\n  src/a.rs:1 imports from src/b.rs\n  src/b.rs:2 imports from src/c.rs\n  src/c.rs:1 imports from src/a.rs";
    let small = "a circle:\n  src/d.rs:1 imports from src/e.rs\n  src/e.rs:1 imports from src/d.rs";
    assert_eq!(knots(&modules, &imports), [whole, small]);
    let is_cut = |at: usize| {
        let mut rest = imports.clone();
        rest.remove(at);
        Circles::among(&rest).knots().len()
    };
    assert_eq!([is_cut(0), is_cut(3)], [1, 2]);
}

#[test]
fn rows_of_rooms_go_one_way() {
    assert_eq!(why_not("plane::choose::outbound", "plane::flow::key"), None);
    assert_eq!(why_not("plane::flow::table", "plane::flow::key"), None);
    assert_eq!(why_not("plane::policy", "config::file"), None);
    assert_eq!(why_not("plane::packet::parse", "plane::policy").unwrap(), "`plane/packet` stands below `plane/policy`");
    assert_eq!(why_not("plane::path", "plane::health").unwrap(), "`plane/path` stands beside `plane/health`");
    assert_eq!(
        why_not("control::kernel::nft", "control::service").unwrap(),
        "`control/kernel` stands below `control/service`"
    );
    assert!(why_not("plane::new", "plane::flow").unwrap().contains("has no row"));
}

#[test]
fn a_head_lists_what_must_never_be_known() {
    let thing = |what: &str, who_knows: Option<&str>| Unknown {
        what: what.to_owned(),
        who_knows: who_knows.map(str::to_owned),
    };
    let head = "Rules. Must never know: the policy (compile.rs), TOML, what a packet is; sockets. And more, for all.";
    let things = [
        thing("policy", Some("compile.rs")),
        thing("toml", None),
        thing("what a packet is", None),
        thing("sockets", None),
    ];
    assert_eq!(unknowns(head), things);
    assert_eq!(unknowns("Must never know: a clock."), [thing("clock", None)]);
    assert!(unknowns("Rules of a house.").is_empty());
}

#[test]
fn a_head_that_its_imports_contradict_is_named() {
    let told = |path: &'static str, text: &'static str| {
        let files = [&[(path, text)], &HOUSE[..]].concat();
        let (modules, sources) = (read(&files), sources(&files));
        contradicted(&sources[0], &modules)
    };
    let text = "//! Must never know: the reader.\nuse super::reader::At;";
    assert_eq!(
        told("src/config/file/wan.rs", text),
        ["src/config/file/wan.rs:2 must never know `reader`, and imports from src/config/file/reader.rs"]
    );
    let text = "//! Must never know: links.\nuse crate::control::links::Link;";
    assert_eq!(told("src/control/kernel/x.rs", text).len(), 1);
    let text = "//! Must never know: a policy, TOML.\nuse crate::plane::policy::Wan;\nuse toml::Spanned;";
    assert_eq!(told("src/plane/flow/x.rs", text).len(), 2);
    assert_eq!(
        told(
            "src/plane/flow/x.rs",
            "//! Must never know: policy.\n#[cfg(test)]\nmod tests { use crate::plane::policy::Wan; }"
        )
        .len(),
        0
    );
    assert_eq!(told("src/plane/policy/x.rs", "//! Must never know: policy.\nuse super::Wan;").len(), 0);
}

#[test]
fn brackets_in_a_head_name_a_file_near_by() {
    let told = |text: &'static str| {
        let files = [&[("src/config/file/wan.rs", text), ("src/config/file/wan/lan.rs", "")], &HOUSE[..]].concat();
        strays(&sources(&files)[0], &read(&files))
    };
    assert!(
        told("//! Must never know: what fits (check.rs), words (api.rs), names (wan/lan.rs), (lan.rs).").is_empty()
    );
    assert_eq!(
        told("//! Must never know: what fits (fit.rs)."),
        ["src/config/file/wan.rs: there is no `fit.rs` near it"]
    );
}

#[test]
fn a_file_of_claims_stands_in_the_folder_of_the_crate() {
    let claim = "#[test]\nfn a_claim() {}";
    let tool = "#[cfg(test)]\nmod tests { #[test]\nfn a_tool_works() {} }";
    let modules = read(&[("src/a.rs", claim), ("src/a/b.rs", claim), ("src/c.rs", tool), ("src/d.rs", "")]);
    assert_eq!([0, 1, 2, 3].map(|file| modules.holds_claims(file)), [true, false, false, false]);
}

#[test]
fn tests_and_comments_are_no_code() {
    let text = "//! What for.\n//! What not.\n\nfn a() {\n    // why\n    /* long\n       story */\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    let source = Source::new("src/x.rs", text);
    assert_eq!((source.lines_of_code(), source.opening(), source.head()), (2, 2, "What for. What not.".to_owned()));
    assert_eq!(Source::new("src/x/tests/y.rs", text).lines_of_code(), 0);
}
