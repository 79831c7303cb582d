//! A hash that only who knows the secret can foretell: a table whose places come from it cannot be aimed at from outside.
//! The same secret gives the same hash, so that a replay is the same each time. Must never know: what is hashed.

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The key, made of a secret. All of it is: foldhash with its well-known seeds has inputs that collide under any other seed.
#[derive(Clone)]
pub struct Keyed {
    seed: u64,
    seeds: SharedSeed,
}

impl Keyed {
    /// The key of `table`, any number of its own: that of one table tells nothing of another's.
    #[must_use]
    pub fn new(secret: u64, table: u64) -> Self {
        let seed = secret ^ table.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { seed, seeds: SharedSeed::from_u64(seed) }
    }

    /// The hash of `value`, even in all its bits.
    pub fn hash(&self, value: impl Hash) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.seeds);
        value.hash(&mut hasher);
        hasher.finish()
    }
}

/// A secret is shown to nobody.
impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_known_by_secret_and_table_and_to_nobody_else() {
        let hash = |secret, table| Keyed::new(secret, table).hash((7_u32, "a"));
        assert_eq!(hash(1, 1), hash(1, 1));
        assert_ne!(hash(1, 1), hash(2, 1));
        assert_ne!(hash(1, 1), hash(1, 2));
        assert!(!format!("{:?}", Keyed::new(77, 1)).contains("77"));
    }

    #[test]
    fn its_low_bits_are_even() {
        let key = Keyed::new(0, 3);
        let mut counts = [0; 16];
        (0..16_000_u32).for_each(|number| counts[key.hash(number) as usize % 16] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
