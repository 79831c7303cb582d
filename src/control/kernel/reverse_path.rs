//! Finds a rule of the host's own firewall that would swallow what comes from the Internet through the TUN: it asks whether
//! the way back to the source leaves by the link that a packet came in on, and the way to the Internet never leaves by the
//! TUN (firewalld has such a rule by default, NixOS likewise). Must never know: what is done about it.

use super::nft::batch::Netfilter;
use super::nft::dump::{FilterRule, attribute, nested, text};

/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
const NAME: u16 = 1;
const DATA: u16 = 2;
/// Of the expression `fib`: `NFTA_FIB_FLAGS`, `NFTA_FIB_F_SADDR`, `NFTA_FIB_F_IIF`.
const FIB_FLAGS: u16 = 3;
const FIB_SOURCE: u32 = 1;
const FIB_LINK: u32 = 8;
/// Of the expression `match`: `NFTA_MATCH_NAME`, `NFTA_MATCH_INFO`; `XT_RPFILTER_LOOSE` (linux/netfilter/xt_rpfilter.h).
const MATCH_NAME: u16 = 1;
const MATCH_INFO: u16 = 3;
const LOOSE: u8 = 1;
/// Of the expression `meta`: `NFTA_META_KEY`; `NFT_META_IIF`, `NFT_META_IIFNAME`.
const META_KEY: u16 = 2;
const LINK_KEYS: [u32; 2] = [4, 6];

/// A sentence for each rule that would swallow it. A rule that names the links that it is for is not judged.
///
/// # Errors
/// A sentence, when the kernel does not tell.
pub(super) fn look(tun: &str) -> Result<Vec<String>, String> {
    let read = || Netfilter::open().and_then(|mut netfilter| netfilter.rules());
    let rules = read().map_err(|error| format!("cannot read the rules of the host's firewall: {error}"))?;
    Ok(rules.iter().filter(|rule| swallows(&rule.expressions)).map(|rule| sentence(rule, tun)).collect())
}

fn sentence(rule: &FilterRule, tun: &str) -> String {
    format!(
        "a rule of the host's firewall (nftables table \"{}\", chain \"{}\") filters by reverse path, strictly, and so drops \
         what comes from the Internet through \"{tun}\": leave this link out of it (`iifname != \"{tun}\"`), or make it loose \
         (firewalld.conf: IPv6_rpfilter=loose; NixOS: networking.firewall.checkReversePath = \"loose\")",
        rule.table, rule.chain
    )
}

/// Whether a rule filters by reverse path, strictly, on links that it does not name.
fn swallows(expressions: &[u8]) -> bool {
    for expression in nested(expressions) {
        let (Some(name), data) =
            (attribute(expression, NAME).map(text), attribute(expression, DATA).unwrap_or_default())
        else {
            continue;
        };
        let number = |kind| attribute(data, kind).and_then(<[u8]>::first_chunk).map_or(0, |it| u32::from_be_bytes(*it));
        match name.as_str() {
            "meta" if LINK_KEYS.contains(&number(META_KEY)) => return false,
            "fib" if number(FIB_FLAGS) & (FIB_SOURCE | FIB_LINK) == FIB_SOURCE | FIB_LINK => return true,
            "match" if attribute(data, MATCH_NAME).is_some_and(|it| text(it) == "rpfilter") => {
                let flags = attribute(data, MATCH_INFO).and_then(<[u8]>::first).copied().unwrap_or(0);
                return flags & LOOSE == 0;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::nft::Attributes;
    use super::*;
    use proptest::prelude::*;

    fn expression(name: &str, data: Attributes) -> Attributes {
        Attributes::new().nest(1, Attributes::new().string(NAME, name).nest(DATA, data))
    }

    fn both(first: &Attributes, second: &Attributes) -> Vec<u8> {
        [first.as_bytes(), second.as_bytes()].concat()
    }

    #[test]
    fn only_a_strict_filter_that_names_no_link_swallows() {
        let fib = |flags| expression("fib", Attributes::new().number(1, 1).number(2, 1).number(FIB_FLAGS, flags));
        let link = expression("meta", Attributes::new().number(1, 1).number(META_KEY, 6));
        let family = expression("meta", Attributes::new().number(1, 1).number(META_KEY, 15));
        assert!(swallows(fib(FIB_SOURCE | FIB_LINK).as_bytes()));
        assert!(swallows(&both(&family, &fib(FIB_SOURCE | FIB_LINK | 4))), "firewalld's");
        assert!(!swallows(fib(FIB_SOURCE).as_bytes()), "loose");
        assert!(!swallows(fib(2).as_bytes()), "of the destination");
        assert!(!swallows(&both(&link, &fib(FIB_SOURCE | FIB_LINK))), "of a link that it names");
        let xtables = |flags: u8| {
            expression("match", Attributes::new().string(MATCH_NAME, "rpfilter").bytes(MATCH_INFO, &[flags]))
        };
        assert!(swallows(xtables(4).as_bytes()) && !swallows(xtables(LOOSE | 4).as_bytes()));
    }

    proptest! {
        #[test]
        fn no_rule_brings_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = swallows(&bytes);
        }
    }
}
