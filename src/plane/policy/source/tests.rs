//! What is chosen: the cases of owners' links, the examples of RFC 6724 §10.1, and its rules as laws of any addresses.

use super::*;
use crate::plane::neighbor::sample;
use crate::plane::packet::sample::ip;
use crate::plane::policy::WanLink;
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::nat44::Nat44Map;
use proptest::prelude::*;
use std::sync::Arc;

/// Gateways 192.0.2.1 and fe80::1; what it translates to is 192.0.2.3 and 2001:db8:a:c80::/60 with its ::1.
fn wan(addresses: &[&str]) -> Wan {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let wan = sample::policy().wans[0].clone();
    Wan { link: WanLink { addresses, ..wan.link.clone() }, ..wan }
}

/// One that translates nothing.
fn bare(addresses: &[&str]) -> Wan {
    let mut wan = Wan { nat44: Nat44Map::default(), nptv6: [].into(), ..wan(addresses) };
    wan.host6 = HostMap6::default();
    wan
}

fn with(mut wan: Wan, address: &str, change: impl Fn(&mut LinkAddress)) -> Wan {
    let own = Arc::make_mut(&mut wan.link.addresses).iter_mut().find(|own| own.address == ip(address));
    change(own.unwrap());
    wan
}

fn deprecated(own: &mut LinkAddress) {
    own.state = AddressState::Deprecated;
}

fn tentative(own: &mut LinkAddress) {
    own.state = AddressState::Tentative;
}

/// Address and reason of a question.
fn asks(wan: &Wan, target: &str) -> (String, &'static str) {
    let choice = towards(wan, ip(target), Purpose::Question);
    choice.map_or(("none".into(), ""), |choice| (choice.address.to_string(), choice.why))
}

fn chosen(address: &str, why: &'static str) -> (String, &'static str) {
    (address.into(), why)
}

#[test]
fn a_target_on_the_link_is_asked_from_its_own_subnet_and_a_far_one_from_what_the_wan_translates_to() {
    let modem = wan(&["192.168.100.2/24", "192.0.2.2/29"]);
    assert_eq!(asks(&modem, "192.168.100.1"), chosen("192.168.100.2", "in the target's subnet"));
    assert_eq!(asks(&modem, "192.0.2.1"), chosen("192.0.2.2", "the router's own"));
    assert_eq!(asks(&modem, "203.0.113.10"), chosen("192.0.2.3", "translated to here"));
    let transfer = Wan { nat44: sample::policy().wans[1].nat44.clone(), ..wan(&["10.9.9.2/30"]) };
    assert_eq!(asks(&transfer, "10.9.9.1"), chosen("10.9.9.2", "in the target's subnet"));
    assert_eq!(asks(&transfer, "203.0.113.10"), chosen("198.51.100.3", "of the target's kind"));
    assert_eq!(asks(&transfer, "10.1.1.1"), chosen("198.51.100.3", "translated to here"));
    assert_eq!(asks(&bare(&[]), "203.0.113.10"), chosen("none", ""));
}

#[test]
fn without_a_translation_it_is_the_address_beside_the_gateway_whatever_the_order() {
    for order in [["192.168.100.2/24", "192.0.2.5/29"], ["192.0.2.5/29", "192.168.100.2/24"]] {
        assert_eq!(asks(&bare(&order), "10.1.1.1"), chosen("192.0.2.5", "beside the gateway"));
    }
    let named = with(bare(&["192.0.2.5/29", "192.0.2.6/29"]), "192.0.2.6", |own| own.named = true);
    assert_eq!(asks(&named, "203.0.113.10"), chosen("192.0.2.6", "named by the default route"));
    assert_eq!(asks(&bare(&["192.0.2.6/29", "192.0.2.5/29"]), "203.0.113.10"), chosen("192.0.2.6", EQUAL));
    assert_eq!(asks(&bare(&["169.254.7.7/16", "10.0.0.5/8"]), "203.0.113.10").0, "10.0.0.5");
}

#[test]
fn the_other_end_of_a_point_to_point_link_is_on_it() {
    let mut wan = bare(&["203.0.113.7/32", "192.0.2.5/29"]);
    Arc::make_mut(&mut wan.link.addresses)[0].network = "198.18.0.1/32".parse().unwrap();
    assert_eq!(asks(&wan, "198.18.0.1"), chosen("203.0.113.7", "in the target's subnet"));
}

#[test]
fn an_error_bears_an_address_of_the_router_itself_unless_nobody_far_away_would_believe_it() {
    let error = |wan: &Wan, to, asked| of_error(wan, ip(to), ip(asked)).unwrap().to_string();
    let (far4, far6, asked4, asked6) = ("203.0.113.10", "2001:db8:ffff::10", "192.0.2.3", "2001:db8:a:c81::7");
    assert_eq!(error(&wan(&["192.0.2.2/29"]), far4, asked4), "192.0.2.2");
    assert_eq!(error(&wan(&["10.9.9.2/30"]), far4, asked4), asked4);
    assert_eq!(error(&wan(&["10.9.9.2/30"]), "10.9.9.1", asked4), "10.9.9.2");
    assert_eq!(error(&wan(&["fe80::2", "fd00::2/64"]), far6, asked6), asked6);
    let plain = bare(&["192.168.100.2/24", "192.0.2.5/29", "fe80::2", "2001:db8:9::5/64"]);
    assert_eq!(error(&plain, far4, asked4), "192.0.2.5");
    assert_eq!(error(&plain, far6, asked6), "2001:db8:9::5");
    assert_eq!(of_error(&bare(&[]), ip(far4), ip(asked4)), None);
}

#[test]
fn what_the_kernel_must_not_answer_is_asked_from_what_is_kept_from_it() {
    let page = |wan: &Wan, target| towards(wan, ip(target), Purpose::Exchange).map(|choice| choice.address.to_string());
    let modem = wan(&["192.168.100.2/24", "192.0.2.2/29"]);
    assert_eq!(page(&modem, "192.168.100.1").unwrap(), "192.0.2.3");
    let port = |target| towards(&modem, ip(target), Purpose::Refused).unwrap().address.to_string();
    assert_eq!(["192.168.100.1", "192.0.2.1", "203.0.113.10"].map(port), ["192.168.100.2", "192.0.2.3", "192.0.2.3"]);
    assert_eq!(page(&bare(&["192.168.100.2/24"]), "192.168.100.1").unwrap(), "192.168.100.2");
}

#[test]
fn the_address_that_is_set_serves_wherever_it_can() {
    let said = |text: &str| {
        let mut wan = wan(&["192.168.100.2/24", "192.0.2.2/29", "2001:db8:a:c80::5/64", "fe80::2"]);
        let said = ip(text);
        wan.fixed_mut().sources[Family::of(said).index()] = Some(said);
        wan
    };
    let near = said("192.0.2.2");
    assert_eq!(asks(&near, "203.0.113.10"), chosen("192.0.2.2", "set in the configuration"));
    assert_eq!(asks(&near, "192.0.2.1"), chosen("192.0.2.2", "set in the configuration"));
    assert_eq!(asks(&near, "192.168.100.1").0, "192.168.100.2", "the modem would not answer it");
    assert_eq!(asks(&said("192.0.2.99"), "203.0.113.10").0, "192.0.2.3", "the WAN does not have it");
    let six = said("2001:db8:a:c80::77");
    assert_eq!(asks(&six, "2001:db8:ffff::10"), chosen("2001:db8:a:c80::77", "set in the configuration"));
    assert_eq!(asks(&six, "fe80::1").0, "fe80::2");
}

#[test]
fn ipv6_goes_by_scope_state_kind_and_steadiness() {
    let both = ["fd00:9::5/64", "2001:db8:9::5/64", "fe80::2"];
    assert_eq!(asks(&bare(&both), "2001:db8:ffff::10"), chosen("2001:db8:9::5", "of the target's kind"));
    assert_eq!(asks(&bare(&both), "fd00:7::1"), chosen("fd00:9::5", "of the target's kind"));
    assert_eq!(asks(&bare(&both), "fe80::1"), chosen("fe80::2", "of the target's scope"));
    let two = || bare(&["2001:db8:9::5/64", "2001:db8:9::6/64"]);
    let (first, second) = ("2001:db8:9::5", "2001:db8:9::6");
    assert_eq!(asks(&two(), "2001:db8:ffff::10"), chosen(first, EQUAL));
    assert_eq!(asks(&with(two(), first, deprecated), "2001:db8:ffff::10"), chosen(second, "not deprecated"));
    assert_eq!(asks(&with(two(), first, tentative), "2001:db8:ffff::10"), chosen(second, ALONE));
    let temporary = with(two(), first, |own| own.temporary = true);
    assert_eq!(asks(&temporary, "2001:db8:ffff::10"), chosen(second, "not temporary"));
}

#[test]
fn neighbours_are_asked_from_a_link_local_address_that_is_ours_by_now() {
    assert_eq!(link_local(&wan(&["2001:db8:9::5/64", "fe80::2"])).to_string(), "fe80::2");
    let made = "fe80::ff:fe00:a";
    assert_eq!(link_local(&wan(&["2001:db8:9::5/64"])).to_string(), made);
    assert_eq!(asks(&wan(&[]), "fe80::1").0, made);
    let unsure = with(bare(&["fe80::2", "2001:db8:9::5/64"]), "fe80::2", tentative);
    assert_eq!(link_local(&unsure).to_string(), "2001:db8:9::5");
    assert_eq!(link_local(&with(bare(&["fe80::2"]), "fe80::2", tentative)).to_string(), "fe80::2");
    let two = with(bare(&["fe80::2", "fe80::3"]), "fe80::2", deprecated);
    assert_eq!(link_local(&two).to_string(), "fe80::3");
}

/// The public address among these, of which `old` are deprecated.
fn publicly(addresses: &[&str], gateway: Option<&str>, current: Option<&str>, old: &[&str]) -> (String, &'static str) {
    let mut own: Vec<LinkAddress> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    own.iter_mut().filter(|own| old.contains(&own.address.to_string().as_str())).for_each(deprecated);
    let gateways: Vec<IpAddr> = gateway.map(ip).into_iter().collect();
    let held: Vec<IpAddr> = current.map(ip).into_iter().collect();
    let all = publics(&own, &gateways, &held, None);
    all.first().map_or(("none".into(), ""), |choice| (choice.address.to_string(), choice.why))
}

#[test]
fn the_public_address_is_beside_the_gateway_and_a_new_one_is_no_reason_to_leave_it() {
    let (alias, lease, other) = ("192.168.100.2/24", "192.0.2.5/29", "192.0.2.6/29");
    let gateway = Some("192.0.2.1");
    for order in [[alias, lease], [lease, alias]] {
        assert_eq!(publicly(&order, gateway, None, &[]), chosen("192.0.2.5", "beside the gateway"));
        assert_eq!(publicly(&order, gateway, Some("192.168.100.2"), &[]).0, "192.0.2.5");
        assert_eq!(publicly(&order, None, Some("192.0.2.5"), &[]), chosen("192.0.2.5", ALONE));
        assert_eq!(publicly(&order, None, None, &[]), chosen("192.0.2.5", "known farther away"));
    }
    for order in [[other, lease], [lease, other]] {
        assert_eq!(publicly(&order, gateway, Some("192.0.2.5"), &[]), chosen("192.0.2.5", "the one so far"));
        assert_eq!(publicly(&order, gateway, Some("192.0.2.5"), &["192.0.2.5"]).0, "192.0.2.6");
    }
    assert_eq!(publicly(&["169.254.3.3/16"], None, None, &[]).0, "none");
    let own = [alias, lease].map(|text| text.parse().unwrap());
    let said = publics(&own, &[ip("192.0.2.1")], &[], Some(ip("192.168.100.2")));
    assert_eq!(said[0].why, "set in the configuration");
}

#[test]
fn what_was_public_serves_its_flows_while_it_leads_to_the_gateway_and_is_left_for_none_without_one() {
    let (alias, lease, other) = ("192.168.100.2/24", "192.0.2.5/29", "192.0.2.6/29");
    let of = |own: &[&str], gateway: Option<&str>, held: &[&str]| {
        let own: Vec<LinkAddress> = own.iter().map(|text| text.parse().unwrap()).collect();
        let (gateways, held): (Vec<_>, Vec<_>) =
            (gateway.map(ip).into_iter().collect(), held.iter().map(|it| ip(it)).collect());
        publics(&own, &gateways, &held, None)
            .iter()
            .map(|choice| choice.address.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let gateway = Some("192.0.2.1");
    assert_eq!(of(&[alias, other, lease], gateway, &["192.0.2.5", "192.0.2.6"]), "192.0.2.5 192.0.2.6");
    assert_eq!(of(&[alias, lease, other], gateway, &["192.168.100.2"]), "192.0.2.5", "the alias is the kernel's again");
    assert_eq!(of(&[alias], None, &["192.0.2.5"]), "", "a client starts anew");
    assert_eq!(of(&[alias], gateway, &["192.0.2.5"]), "192.168.100.2");
    assert_eq!(of(&[other, lease], None, &["192.0.2.5", "192.0.2.6"]), "192.0.2.5 192.0.2.6");
}

/// RFC 6724 §10.1, but for its last row, where a router prefers the steady address (rule 7).
#[test]
fn the_examples_of_rfc_6724() {
    let rows: [(&str, [&str; 2], &str); 8] = [
        ("2001:db8:1::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1"),
        ("ff05::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1"),
        ("2001:db8:1::1", ["2001:db8:1::1 old", "2001:db8:2::1"], "2001:db8:1::1"),
        ("fe80::1", ["fe80::2 old", "2001:db8:1::1"], "fe80::2"),
        ("2001:db8:1::1", ["2001:db8:1::2", "2001:db8:3::2"], "2001:db8:1::2"),
        (
            "2002:c633:6401::1",
            ["2002:c633:6401::d5e3:7953:13eb:22e8 brief", "2001:db8:1::2"],
            "2002:c633:6401:0:d5e3:7953:13eb:22e8",
        ),
        ("2001:db8:1::d5e3:0:0:1", ["2001:db8:1::2", "2001:db8:1::d5e3:7953:13eb:22e8 brief"], "2001:db8:1::2"),
        ("2001:db8:1::1", ["fd00:1::2", "2001:db8:2::9 old"], "fd00:1::2"),
    ];
    for (target, own, due) in rows {
        for order in [own, [own[1], own[0]]] {
            let mut wan = bare(&[]);
            let read = |text: &str| {
                let (address, word) = text.split_once(' ').unwrap_or((text, ""));
                let mut own: LinkAddress = format!("{address}/64").parse().unwrap();
                own.temporary = word == "brief";
                own.state = if word == "old" { AddressState::Deprecated } else { AddressState::Preferred };
                own
            };
            wan.link.addresses = order.map(read).into();
            assert_eq!(asks(&wan, target).0, due, "towards {target} of {order:?}");
        }
    }
}

/// RFC 6724 §2.1 as it is printed.
const TABLE: &str =
    "::1/128 0, ::/0 1, ::ffff:0:0/96 4, 2002::/16 2, 2001::/32 5, fc00::/7 13, ::/96 3, fec0::/10 11, 3ffe::/16 12";

/// The label of the longest prefix that holds an address.
fn printed_label(address: Ipv6Addr) -> u8 {
    let rows = TABLE.split(", ").map(|row| {
        let (prefix, label) = row.split_once(' ').unwrap();
        (prefix.parse::<ipnet::Ipv6Net>().unwrap(), label.parse().unwrap())
    });
    rows.filter(|(prefix, _)| prefix.contains(&address)).max_by_key(|(prefix, _)| prefix.prefix_len()).unwrap().1
}

/// Addresses of every row of the table, near each other.
fn address6() -> impl Strategy<Value = Ipv6Addr> {
    let heads = [
        "::",
        "::ffff:0:0",
        "2002:c000:201::",
        "2001:0:53aa::",
        "fd00:9::",
        "fc00::",
        "fec0::",
        "3ffe:1::",
        "fe80::",
        "2001:db8:1::",
        "2001:db8:1:2::",
        "2001:db8:2::",
        "2600::",
    ];
    let head = prop::sample::select(heads.map(|head| head.parse::<Ipv6Addr>().unwrap().to_bits()).to_vec());
    prop_oneof![
        4 => (head, 1..4u128).prop_map(|(head, last)| Ipv6Addr::from_bits(head | last)),
        1 => any::<u128>().prop_map(Ipv6Addr::from_bits),
    ]
    .prop_filter("a unicast address", |address| !address.is_multicast() && !address.is_unspecified())
}

fn own6() -> impl Strategy<Value = LinkAddress> {
    let state = prop::sample::select(vec![AddressState::Tentative, AddressState::Deprecated, AddressState::Preferred]);
    (address6(), state, any::<bool>(), prop::sample::select(vec![64u8, 128])).prop_map(
        |(address, state, temporary, bits)| {
            let net = ipnet::IpNet::new(address.into(), bits).unwrap();
            LinkAddress { state, temporary, ..net.into() }
        },
    )
}

/// RFC 6724 §5, word for word, of two addresses of one link that translates nothing: rules 1 to 3 and 6, then the reverse
/// of 7, which §5 leaves to the node. `Greater`: `a` is preferred.
fn by_the_book(a: &LinkAddress, b: &LinkAddress, target: Ipv6Addr) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let scope = |address: IpAddr| Scope::of(address);
    let (to, of_a, of_b) = (scope(target.into()), scope(a.address), scope(b.address));
    let prefer = |a: bool, b: bool| a.cmp(&b);
    let rule2 = match of_a.cmp(&of_b) {
        Less => {
            if of_a < to {
                Less
            } else {
                Greater
            }
        }
        Greater => {
            if of_b < to {
                Greater
            } else {
                Less
            }
        }
        Equal => Equal,
    };
    let matches = |own: &LinkAddress| own.v6().is_some_and(|own| printed_label(own) == printed_label(target));
    let is_beside = |own: &LinkAddress| own.network.contains(&IpAddr::V6(target));
    prefer(a.address == target, b.address == target)
        .then(rule2)
        .then(prefer(a.state == AddressState::Preferred, b.state == AddressState::Preferred))
        .then(prefer(matches(a), matches(b)))
        .then(prefer(is_beside(a), is_beside(b)))
        .then(prefer(!a.temporary, !b.temporary))
}

proptest! {
    #[test]
    fn labels_are_those_of_the_table(address in address6()) {
        prop_assert_eq!(rule6724::label(address), printed_label(address), "{}", address);
    }

    #[test]
    fn nothing_usable_is_better_by_the_book_than_what_is_chosen(
        own in prop::collection::vec(own6(), 0..6),
        target in address6(),
    ) {
        let mut own = own;
        own.sort_by_key(|own| own.address);
        own.dedup_by_key(|own| own.address);
        let usable: Vec<_> = own.iter().filter(|own| own.state > AddressState::Tentative).copied().collect();
        let mut wan = bare(&[]);
        wan.link.set_next_hop(Family::V6, None);
        wan.link.addresses = own.into();
        let choice = towards(&wan, target.into(), Purpose::Question);
        let is_made = choice.is_some_and(|it| !wan.link.has(it.address));
        let makes_one = target.is_unicast_link_local() && wan.link.addresses6().all(|own| own.scope != Scope::LINK);
        prop_assert_eq!(choice.is_none(), usable.is_empty() && !makes_one);
        if let Some(choice) = choice.filter(|_| !is_made) {
            let chosen = usable.iter().find(|own| own.address == choice.address);
            let chosen = chosen.expect("an address of the link that may be used");
            for other in &usable {
                prop_assert!(by_the_book(chosen, other, target).is_ge(), "{} before {} to {}", other, chosen, target);
            }
        }
    }

    #[test]
    fn an_address_that_comes_later_takes_over_only_if_it_is_better(
        own in prop::collection::vec(own6(), 1..5),
        new in own6(),
        target in address6().prop_filter("the one that the MAC makes comes and goes", |it| !it.is_unicast_link_local()),
    ) {
        let mut wan = bare(&[]);
        wan.link.addresses = own.clone().into();
        let before = towards(&wan, target.into(), Purpose::Question);
        wan.link.addresses = own.iter().copied().chain([new]).collect();
        let after = towards(&wan, target.into(), Purpose::Question);
        if let Some(after) = after.filter(|after| before.is_none_or(|before| before.address != after.address)) {
            prop_assert!(after.address == new.address || !wan.link.has(after.address));
            prop_assert_ne!(after.why, EQUAL);
        }
    }
}
