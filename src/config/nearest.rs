//! Which of the known words a misspelt one was meant to be: the smallest edit distance, if it is small enough.
//! Must never know: what the words mean.

/// The candidate nearest to `word`, if no more than a third of its letters (at least one) would have to change.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    let scored = candidates.into_iter().map(|candidate| (distance(&word, candidate), candidate));
    let (score, best) = scored.min_by_key(|(score, _)| *score)?;
    (score <= (word.len().max(best.len()) / 3).max(1)).then_some(best)
}

/// Longer words are no misspelling of any key.
const LONGEST: usize = 40;

/// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(letter != other);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        let keys = ["interface", "weight", "tier", "mtu", "nat44"];
        let cases =
            [("interfcae", "interface"), ("wieght", "weight"), ("teir", "tier"), ("mtus", "mtu"), ("nat", "nat44")];
        for (word, meant) in cases {
            let expected = (word != "nat").then_some(meant);
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
    }

    #[test]
    fn a_strange_word_finds_nothing() {
        assert_eq!(nearest("colour", ["interface", "tier"]), None);
        assert_eq!(nearest(&"tier".repeat(1000), ["tier"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
