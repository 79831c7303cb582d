//! CONFORMANCE.md: which test shows which rule and which clause, made from the tests themselves, so that it cannot drift.
//! Must never know: what any rule says.

mod annotations;
mod faults;
mod page;
mod rules;

use crate::law::all_sources;
use annotations::Found;
use std::path::Path;

/// Every test of the repository with what it shows, and the annotations that stand above no test.
fn found() -> Found {
    let mut found = Found::default();
    for source in ["netns-tests", "src"].into_iter().flat_map(all_sources) {
        found.read(&source.path, &source.text);
    }
    found
}

#[test]
fn the_conformance_table_says_what_the_tests_show() {
    let found = found();
    let mut faults = faults::all(&found);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("netns-tests/CONFORMANCE.md");
    let page = page::page(&found);
    if std::env::var_os("FLOWPIN_WRITE_CONFORMANCE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        let command = "FLOWPIN_WRITE_CONFORMANCE=1 cargo test --test netns the_conformance_table";
        faults.push(format!("netns-tests/CONFORMANCE.md is not what the tests say; write it anew: {command}"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
