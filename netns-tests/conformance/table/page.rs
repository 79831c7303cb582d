//! The page: rules with their tests, then each RFC's clauses with state and tests. Must never know: what is a fault.

use super::annotations::{Found, Test};
use super::faults::full;
use super::rules::{self, SECTIONS};
use crate::conformance::clauses::{Clause, RFCS, State};

const OPENING: &str = "\
# Conformance

Which test shows which rule and which clause of an RFC. This page is made from the tests (`/// Shows RFC …` above them,
`c_xx_` in their names) and from `conformance/clauses/`; a test fails when it differs from them.
`FLOWPIN_WRITE_CONFORMANCE=1 cargo test --test netns the_conformance_table` writes it anew.
";

/// All of it.
pub fn page(found: &Found) -> String {
    let mut page = OPENING.to_owned();
    page += "\n## Rules\n";
    for section in SECTIONS {
        page += &format!("\n### {}\n\n| | rule | tests |\n|---|---|---|\n", section.title);
        for (rule, words) in section.rules() {
            let prefix = rules::prefix(rule);
            page += &row(&[&rules::name(rule), words, &tests(found, |test| test.name.starts_with(&prefix))]);
        }
    }
    page += "\n## Clauses\n";
    for rfc in RFCS {
        page += &format!("\n### {}: {}\n\n| clause | rule | state | tests |\n|---|---|---|---|\n", rfc.name, rfc.title);
        for clause in rfc.clauses {
            let name = full(rfc, clause);
            let tests = tests(found, |test| test.shows.contains(&name));
            page += &row(&[clause.id, clause.rule, &state(clause), &tests]);
        }
    }
    page
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn state(clause: &Clause) -> String {
    match clause.state {
        State::Met => "met".to_owned(),
        State::Deviates(why) => format!("**deviates**: {why}"),
        State::NotYet(why) => format!("not yet: {why}"),
        State::NotApplicable(why) => format!("not applicable: {why}"),
    }
}

/// Links to files and names of tests.
fn tests(found: &Found, is_meant: impl Fn(&Test) -> bool) -> String {
    let link = |test: &Test| {
        let path = test.path.strip_prefix("netns-tests/").map_or_else(|| format!("../{}", test.path), str::to_owned);
        format!("[{}]({path}) `{}`", path.trim_start_matches("../"), test.name)
    };
    let links: Vec<_> = found.tests.iter().filter(|test| is_meant(test)).map(link).collect();
    links.join("<br>")
}

#[test]
fn a_row_names_state_reason_and_tests() {
    let mut found = Found::default();
    found.read("src/a.rs", "/// Shows RFC 1 §1.\n#[test]\nfn a() {");
    found.read("netns-tests/b.rs", "#[test]\nfn b() {");
    assert_eq!(tests(&found, |_| true), "[src/a.rs](../src/a.rs) `a`<br>[b.rs](b.rs) `b`");
    assert_eq!(row(&["a|b", "c"]), "| a\\|b | c |\n");
    let clause = Clause { id: "§1", rule: "", state: State::Deviates("on purpose") };
    assert_eq!(state(&clause), "**deviates**: on purpose");
}
