//! Which WAN for a new flow: a weighted rendezvous hash. Each WAN draws a number from the flow and its own name, divides
//! it by its weight, and the smallest wins; so a WAN that leaves or comes moves only its own share.
//! Integers throughout: one policy and one key give one answer on every machine, after every restart.
//! Must never know: tables, packets, which WANs may take the flow (candidates.rs).

use crate::plane::flow::companions::has_companions;
use crate::plane::flow::key::FlowKey;
use crate::plane::policy::Policy;
use crate::types::{Balance, WanId, WanSet};

/// The WAN among these for a new flow, by weight. `None` when there is none.
#[must_use]
pub fn choose(policy: &Policy, key: &FlowKey, among: WanSet) -> Option<WanId> {
    let flow = hash_flow(policy.fixed.seed, policy.fixed.balance, key);
    let mut best: Option<(Score, WanId)> = None;
    for (id, wan) in policy.wans().filter(|(id, _)| among.contains(*id)) {
        let score = Score { cost: neg_log2(mix(flow ^ hash_name(&wan.fixed.name))), weight: wan.fixed.weight.max(1) };
        if best.as_ref().is_none_or(|(lowest, _)| score.is_below(lowest)) {
            best = Some((score, id));
        }
    }
    best.map(|(_, id)| id)
}

/// An exponentially distributed cost over a weight: the least of them falls to each WAN by its share of the weight.
#[derive(Clone, Copy)]
struct Score {
    cost: u64,
    weight: u32,
}

impl Score {
    fn is_below(&self, other: &Self) -> bool {
        u128::from(self.cost) * u128::from(other.weight) < u128::from(other.cost) * u128::from(self.weight)
    }
}

fn hash_flow(seed: u64, balance: Balance, key: &FlowKey) -> u64 {
    let [i0, i1] = key.inside_words();
    let [r0, r1] = key.remote_words();
    let start = mix(seed ^ START);
    let fold = |words: &[u64]| words.iter().fold(start, |hash, word| mix(hash ^ word));
    let (protocol, port) = (u64::from(key.protocol()), u64::from(key.inside_port()));
    match balance {
        Balance::Endpoint | Balance::Flow if has_companions(key) => fold(&[i0, i1, r0, r1]),
        Balance::Endpoint => fold(&[i0, i1, protocol << 16 | port]),
        Balance::Site => fold(&[i0, i1, r0, r1]),
        Balance::Source => fold(&[i0, i1]),
        Balance::Flow => fold(&[i0, i1, r0, r1, protocol << 32 | port << 16 | u64::from(key.remote_port())]),
    }
}

fn hash_name(name: &str) -> u64 {
    name.bytes().fold(START, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// The fractional digits of pi, so that a seed of 0 is as good as any.
const START: u64 = 0x243f_6a88_85a3_08d3;

/// Spreads every bit of a word over all others (the finaliser of `SplitMix64`, a bijection), counting from the golden
/// ratio so that 0 does not stay 0.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

const FRACTION_BITS: u32 = 40;

/// `-log2(hash / 2^64)` in steps of 2^-40: squaring a number between 1 and 2 yields its logarithm bit by bit.
fn neg_log2(hash: u64) -> u64 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    let mut mantissa = hash << zeros;
    let mut fraction = 0u64;
    for _ in 0..FRACTION_BITS {
        let square = u128::from(mantissa) * u128::from(mantissa);
        let carry = u64::from(square >> 127 != 0);
        fraction = fraction << 1 | carry;
        mantissa = u64::try_from(square >> (63 + carry)).unwrap_or(u64::MAX);
    }
    (u64::from(zeros + 1) << FRACTION_BITS) - fraction
}

#[cfg(test)]
mod tests;
