//! What is wrong between rules, clauses and tests, as sentences. Must never know: how the page looks.

use super::annotations::{Found, Test};
use super::rules::{self, SECTIONS, Section};
use crate::conformance::clauses::{Clause, RFCS, Rfc, State};

/// A clause by its full name, `RFC nnnn ID`.
type Named = (String, &'static Clause);

/// Every fault.
pub fn all(found: &Found) -> Vec<String> {
    let clauses: Vec<Named> = RFCS.iter().flat_map(|rfc| rfc.clauses.iter().map(|it| (full(rfc, it), it))).collect();
    let astray = found.astray.iter().map(|place| format!("{place}: \"Shows RFC\" stands above no test"));
    let mut faults: Vec<_> = astray.collect();
    faults.extend(found.tests.iter().flat_map(|test| annotations(test, &clauses)));
    let met = clauses.iter().filter(|(_, clause)| matches!(clause.state, State::Met));
    faults.extend(met.filter_map(|(name, _)| {
        let shown = found.tests.iter().any(|test| test.shows.contains(name));
        (!shown).then(|| format!("{name} is said to be met, but no test shows it"))
    }));
    let rules = SECTIONS.iter().flat_map(Section::rules);
    faults.extend(rules.filter_map(|(rule, _)| {
        let (name, prefix) = (rules::name(rule), rules::prefix(rule));
        let shown = found.tests.iter().any(|test| test.name.starts_with(&prefix));
        (!shown).then(|| format!("{name} has no test: the name of one begins with {prefix}"))
    }));
    faults
}

/// What is wrong with the annotation of one test.
fn annotations(test: &Test, clauses: &[Named]) -> Vec<String> {
    let fault = |shown: &String| {
        let place = format!("{}:{}: {}", test.path, test.line, test.name);
        match clauses.iter().find(|(name, _)| name == shown).map(|(_, clause)| &clause.state) {
            None => Some(format!("{place} shows \"{shown}\", but netns-tests/conformance/clauses has no such clause")),
            Some(State::NotApplicable(why)) => {
                Some(format!("{place} shows {shown}, but that is said not to apply ({why})"))
            }
            Some(_) => None,
        }
    };
    test.shows.iter().filter_map(fault).collect()
}

/// `RFC nnnn ID`.
pub fn full(rfc: &Rfc, clause: &Clause) -> String {
    format!("{} {}", rfc.name, clause.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_that_nobody_knows_or_that_does_not_apply_is_named_with_its_test() {
        const MET: Clause = Clause { id: "§1", rule: "", state: State::Met };
        const OTHER: Clause = Clause { id: "§2", rule: "", state: State::NotApplicable("no hosts") };
        let clauses = [("RFC 1 §1".to_owned(), &MET), ("RFC 1 §2".to_owned(), &OTHER)];
        let mut found = Found::default();
        found.read("a.rs", "/// Shows RFC 1 §1, RFC 1 §2, RFC 1 §3.\n#[test]\nfn a() {");
        let faults = annotations(&found.tests[0], &clauses);
        assert_eq!(
            faults,
            [
                "a.rs:3: a shows RFC 1 §2, but that is said not to apply (no hosts)",
                "a.rs:3: a shows \"RFC 1 §3\", but netns-tests/conformance/clauses has no such clause",
            ]
        );
    }

    #[test]
    fn each_clause_stands_once() {
        for rfc in RFCS {
            for (at, clause) in rfc.clauses.iter().enumerate() {
                assert!(!clause.id.contains(','), "{clause:?}");
                assert!(rfc.clauses[..at].iter().all(|other| other.id != clause.id), "twice: {clause:?}");
            }
        }
    }
}
