//! Circles among imports. Files that reach each other make a knot; all imports of a knot are told, for the cut of any one
//! of them may untie it. Must never know: source, outline.

use super::modules::Import;
use std::collections::{BTreeMap, BTreeSet};

/// Who reaches whom.
pub struct Circles<'a> {
    imports: &'a [Import],
    /// For each file that imports: every file that it reaches.
    reached: BTreeMap<usize, BTreeSet<usize>>,
}

impl<'a> Circles<'a> {
    pub fn among(imports: &'a [Import]) -> Self {
        let mut next = BTreeMap::<usize, Vec<usize>>::new();
        for import in imports {
            next.entry(import.from).or_default().push(import.to);
        }
        let reached = next.keys().map(|from| (*from, reach(&next, *from))).collect();
        Self { imports, reached }
    }

    /// Whether what is imported reaches the file that imports it.
    fn holds(&self, import: &Import) -> bool {
        self.reached.get(&import.to).is_some_and(|reached| reached.contains(&import.from))
    }

    /// The imports of each knot; empty if the files can be put in an order.
    pub fn knots(&self) -> Vec<Vec<Import>> {
        let mut knots = BTreeMap::<usize, Vec<Import>>::new();
        for import in self.imports.iter().filter(|import| self.holds(import)) {
            let is_with = |other: &&usize| self.reached[other].contains(&import.from);
            let first =
                self.reached[&import.from].iter().filter(|other| self.reached.contains_key(other)).find(is_with);
            knots.entry(*first.unwrap_or(&import.from)).or_default().push(*import);
        }
        knots.into_values().collect()
    }
}

/// Every file that a file imports, itself or through others.
fn reach(next: &BTreeMap<usize, Vec<usize>>, from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        open.extend(next.get(&at).into_iter().flatten().filter(|to| seen.insert(**to)));
    }
    seen
}
