//! What the kernel and operators say, and what the WANs hold then.

use super::*;
use crate::config::settings::External6;
use crate::control::compile::no_link;
use crate::control::sample::settings;
use crate::plane::policy::Gateway;

const FIBER: WanId = WanId(0);
const CABLE: WanId = WanId(1);
const OLD: &str = "2001:db8:a:c80::/60";
const NEW: &str = "2001:db8:a:d00::/60";

fn at(ms: u64) -> Tick {
    Tick::from_millis(ms)
}

fn net(text: &str) -> Ipv6Net {
    text.parse().unwrap()
}

/// Fiber follows its link in both families: 10.250.250.3 is behind the link's address.
fn leases() -> Leases {
    let mut settings = settings();
    settings.wans[0].nptv6.as_mut().unwrap().outside = None;
    settings.wans[1].nptv6.as_mut().unwrap().outside = Some(net("2001:db8:f::/60"));
    settings.wans[0].nat44_interface = Some([10, 250, 250, 3].into());
    Leases::new(Arc::new(settings))
}

fn link(delegated: &[&str], addresses: &[&str]) -> LinkState {
    LinkState {
        delegated: delegated.iter().map(|text| net(text)).collect(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        ..no_link()
    }
}

/// What fiber holds, the current one first, and what is left of each in milliseconds.
fn held(leases: &Leases, ms: u64) -> Vec<(String, Option<u64>)> {
    let row = |held: Held| (held.net.to_string(), held.until.map(|until| until.millis() - ms));
    leases.held(at(ms), FIBER).into_iter().map(row).collect()
}

/// The changes as text.
fn told(leases: &mut Leases) -> Vec<String> {
    let text = |net: Option<IpNet>| net.map_or("nothing".to_owned(), |net| net.to_string());
    let line = |it: LeaseChange| match it.what {
        What::Current { from, to } => format!("{}: {} to {}, {}", it.family, text(from), text(to), it.reason),
        What::Ended(net) => format!("{}: {net} ended, {}", it.family, it.reason),
    };
    leases.changes().into_iter().map(line).collect()
}

#[test]
fn a_wan_follows_its_link() {
    let mut leases = leases();
    assert_eq!(
        Family::ALL.map(|family| leases.lack(FIBER, family).as_deref().map(str::to_owned)),
        [None, Some("no prefix is delegated".into())]
    );
    leases.seen(at(0), 1, &[link(&[OLD], &["192.0.2.50/24"]), link(&[NEW], &["198.51.100.7/24"])]);
    assert_eq!(leases.pass(at(0)), (vec![FIBER], None));
    assert_eq!(held(&leases, 0), [("192.0.2.50/32".into(), None), (OLD.into(), None)]);
    assert!(leases.held(at(0), CABLE).is_empty() && leases.lack(CABLE, Family::V6).is_none(), "cable is fixed");
    let expected = ["ipv4: nothing to 192.0.2.50/32, on the link", "ipv6: nothing to 2001:db8:a:c80::/60, on the link"];
    assert_eq!(told(&mut leases), expected);
    leases.seen(at(1), 2, &[link(&[OLD], &["192.0.2.50/24"])]);
    assert_eq!((leases.pass(at(1)).0, told(&mut leases).len()), (vec![], 0), "no news");
    let [four, six, _] = leases.shown(FIBER).unwrap();
    let numbers = [four, six].map(|all| (all[0].lease.0, all[0].since));
    assert_eq!(numbers, [(1, 1), (1, 1)]);
}

#[test]
fn a_changed_prefix_is_current_at_once_and_the_old_one_ends_after_its_grace() {
    let mut leases = leases();
    leases.seen(at(0), 1, &[link(&[OLD], &[])]);
    leases.pass(at(0));
    told(&mut leases);
    leases.seen(at(1000), 2, &[link(&[NEW], &[])]);
    assert_eq!(leases.pass(at(1000)), (vec![FIBER], Some(at(4000))));
    assert_eq!(held(&leases, 1000), [(NEW.into(), None), (OLD.into(), Some(3000))]);
    assert_eq!(leases.pass(at(3999)), (vec![], Some(at(4000))));
    assert_eq!(leases.pass(at(4000)), (vec![FIBER], None));
    let expected = [
        "ipv6: 2001:db8:a:c80::/60 to 2001:db8:a:d00::/60, on the link",
        "ipv6: 2001:db8:a:c80::/60 ended, gone from the link",
    ];
    assert_eq!(told(&mut leases), expected);
}

#[test]
fn a_prefix_that_is_lost_leaves_nothing_and_one_line() {
    let mut leases = leases();
    leases.seen(at(0), 1, &[link(&[OLD], &[])]);
    leases.pass(at(0));
    told(&mut leases);
    leases.seen(at(1000), 2, &[link(&[], &[])]);
    assert!(leases.pass(at(1000)).0.is_empty());
    assert_eq!(leases.lack(FIBER, Family::V6), None);
    assert_eq!(leases.pass(at(601_000)).0, [FIBER]);
    assert_eq!(told(&mut leases), ["ipv6: 2001:db8:a:c80::/60 to nothing, gone from the link"]);
    assert!(leases.lack(FIBER, Family::V6).is_some());
}

#[test]
fn a_word_by_hand_holds_as_long_as_it_says() {
    let mut leases = leases();
    leases.set(at(0), 1, FIBER, net(OLD), None).unwrap();
    leases.pass(at(0));
    leases.set(at(1000), 2, FIBER, net(NEW), Some(7200)).unwrap();
    leases.pass(at(1000));
    assert_eq!(held(&leases, 1000), [(NEW.into(), Some(7_200_000)), (OLD.into(), Some(3000))]);
    leases.set(at(2000), 3, FIBER, net(NEW), Some(0)).unwrap();
    leases.pass(at(2000));
    assert_eq!(held(&leases, 2000), [(OLD.into(), Some(2000))]);
    let expected = [
        "ipv6: nothing to 2001:db8:a:c80::/60, set by hand",
        "ipv6: 2001:db8:a:c80::/60 to 2001:db8:a:d00::/60, set by hand",
        "ipv6: 2001:db8:a:d00::/60 to 2001:db8:a:c80::/60, replaced by hand",
        "ipv6: 2001:db8:a:d00::/60 ended, withdrawn by hand",
    ];
    assert_eq!(told(&mut leases), expected);
}

#[test]
fn of_a_prefix_shorter_than_the_inside_one_the_first_part_is_used() {
    let mut leases = leases();
    leases.seen(at(0), 1, &[link(&["2001:db8:a:c00::/56"], &[])]);
    leases.pass(at(0));
    assert_eq!(held(&leases, 0), [("2001:db8:a:c00::/60".into(), None)]);
    leases.set(at(1), 2, FIBER, net("2001:db8:a:c00::/48"), Some(5)).unwrap_err();
    leases.set(at(1), 2, FIBER, net("2001:db8:b::/48"), Some(5)).unwrap();
    leases.set(at(1), 2, FIBER, net("2001:db8:c:8::/64"), Some(5)).unwrap();
    leases.pass(at(1));
    let nets: Vec<_> = held(&leases, 1).into_iter().map(|(net, _)| net).collect();
    assert_eq!(nets, ["2001:db8:c:8::/64", "2001:db8:b::/60", "2001:db8:a:c00::/60"]);
}

#[test]
fn a_prefix_that_cannot_be_is_refused_in_one_sentence() {
    let mut leases = leases();
    leases.seen(at(0), 1, &[link(&[OLD], &[])]);
    leases.pass(at(0));
    let mut refused = |wan, text: &str, seconds| leases.set(at(0), 2, wan, net(text), seconds).unwrap_err();
    assert_eq!(
        refused(CABLE, NEW, None),
        "WAN \"cable\" takes no prefix by hand: write `outside = \"auto\"` in its [wan.nptv6]"
    );
    assert_eq!(refused(WanId(7), NEW, None), "there is no such WAN");
    let rows = [
        ("2001:db8:a:d00::1/60", "it has bits behind its length, did you mean 2001:db8:a:d00::/60?"),
        ("2001:db8:a:d00::/65", "it is longer than /64"),
        ("fe80::/60", "hosts of the Internet have no such addresses"),
        ("::/0", "hosts of the Internet have no such addresses"),
        ("ff00::/16", "hosts of the Internet have no such addresses"),
        ("fd00:bad:b01::/60", "it overlaps the inside prefix fd00:bad:b01::/60"),
    ];
    for (prefix, why) in rows {
        assert_eq!(refused(FIBER, prefix, None), format!("{prefix} cannot be the prefix of WAN \"fiber\": {why}"));
    }
    assert_eq!(
        refused(FIBER, NEW, Some(0)),
        "WAN \"fiber\" does not hold 2001:db8:a:d00::/60: `flowpin status` shows what it holds"
    );
    assert_eq!(
        refused(FIBER, OLD, Some(0)),
        "2001:db8:a:c80::/60 is on the link of WAN \"fiber\": take its route or address away from the kernel"
    );
}

#[test]
fn what_the_kernel_lists_and_cannot_be_is_passed_over() {
    let mut leases = leases();
    let prefixes = ["fd00:bad:b01::/60", "2001:db8::/96", OLD];
    leases.seen(at(0), 1, &[link(&prefixes, &["169.254.3.4/16", "192.0.2.193/24", "192.0.2.50/24"])]);
    leases.pass(at(0));
    assert_eq!(held(&leases, 0), [("192.0.2.50/32".into(), None), (OLD.into(), None)]);
}

#[test]
fn no_two_wans_hold_the_same() {
    let mut settings = settings();
    settings.wans.iter_mut().for_each(|(_, wan)| wan.nptv6.as_mut().unwrap().outside = None);
    let mut leases = Leases::new(Arc::new(settings));
    leases.set(at(0), 1, FIBER, net(OLD), None).unwrap();
    leases.pass(at(0));
    let refused = leases.set(at(1), 2, CABLE, net("2001:db8:a:c88::/61"), None).unwrap_err();
    assert_eq!(
        refused,
        "2001:db8:a:c88::/61 cannot be the prefix of WAN \"cable\": it overlaps 2001:db8:a:c80::/60 of WAN \"fiber\""
    );
    leases.seen(at(2), 2, &[link(&[], &[]), link(&[OLD, NEW], &[])]);
    leases.pass(at(2));
    assert_eq!(leases.held(at(2), CABLE)[0].net.to_string(), NEW);
}

#[test]
fn twins_behind_another_nat_hold_the_same_address_and_a_public_one_has_one_wan() {
    let mut settings = settings();
    let both = settings.wans.iter_mut();
    both.for_each(|(_, wan)| (wan.nat44, wan.nat44_interface) = (vec![], Some([10, 250, 250, 3].into())));
    let mut leases = Leases::new(Arc::new(settings));
    let mut see = |ms, address: &str| {
        leases.seen(at(ms), 1, &[(); 2].map(|()| behind("198.51.100.1", &[address])));
        leases.pass(at(ms));
        [FIBER, CABLE].map(|id| match leases.lack(id, Family::V4) {
            None => leases.held(at(ms), id)[0].net.to_string(),
            Some(why) => why.to_string(),
        })
    };
    assert_eq!(see(0, "192.168.8.100/24"), ["192.168.8.100/32"; 2]);
    assert_eq!(see(9000, "100.64.3.4/10"), ["100.64.3.4/32"; 2]);
    let taken = "192.0.2.50/32 on the link is not used: it overlaps 192.0.2.50/32 of WAN \"fiber\"";
    see(20_000, "192.0.2.50/24");
    assert_eq!(see(30_000, "192.0.2.50/24"), ["192.0.2.50/32", taken]);
}

fn behind(gateway: &str, addresses: &[&str]) -> LinkState {
    LinkState {
        gateways: [vec![Gateway::new(gateway.parse::<IpAddr>().unwrap(), "default route")], vec![]],
        ..link(&[], addresses)
    }
}

#[test]
fn an_address_for_the_modem_is_the_kernels_alone_whether_it_comes_before_the_lease_or_after() {
    let (alias, lease) = ("192.168.100.2/24", "192.0.2.50/24");
    let mut leases = leases();
    leases.seen(at(0), 1, &[behind("192.0.2.1", &[lease])]);
    leases.seen(at(1), 2, &[behind("192.0.2.1", &[alias, lease])]);
    leases.pass(at(1));
    assert_eq!(held(&leases, 1), [("192.0.2.50/32".into(), None)]);
    assert_eq!(leases.public(FIBER).map(|choice| choice.why), Some("beside the gateway"));
    let mut early = self::leases();
    early.seen(at(0), 1, &[link(&[], &[alias])]);
    early.pass(at(0));
    early.seen(at(1), 2, &[behind("192.0.2.1", &[alias, lease])]);
    early.pass(at(1));
    assert_eq!(held(&early, 1), [("192.0.2.50/32".into(), None), ("192.168.100.2/32".into(), Some(3000))]);
    early.pass(at(3001));
    assert_eq!(held(&early, 3001), [("192.0.2.50/32".into(), None)]);
}

#[test]
fn a_lease_that_is_renewed_is_not_left_for_the_modem_in_between() {
    let (alias, lease) = ("192.168.100.2/24", "192.0.2.50/24");
    let mut leases = leases();
    leases.seen(at(0), 1, &[behind("192.0.2.1", &[alias, lease])]);
    leases.pass(at(0));
    leases.seen(at(1000), 2, &[link(&[], &[alias])]);
    leases.pass(at(1000));
    assert_eq!(held(&leases, 1000), [("192.0.2.50/32".into(), Some(3000))]);
    leases.seen(at(2000), 3, &[behind("192.0.2.1", &[alias, lease])]);
    leases.pass(at(2000));
    assert_eq!(held(&leases, 2000), [("192.0.2.50/32".into(), None)]);
}

#[test]
fn a_second_address_beside_the_gateway_is_no_reason_to_leave_the_first_but_its_deprecation_is() {
    let (first, second) = ("192.0.2.50/24", "192.0.2.60/24");
    let mut leases = leases();
    leases.seen(at(0), 1, &[behind("192.0.2.1", &[first])]);
    leases.pass(at(0));
    let mut both = behind("192.0.2.1", &[second, first]);
    leases.seen(at(1), 2, std::slice::from_ref(&both));
    leases.pass(at(1));
    assert_eq!(held(&leases, 1), [("192.0.2.50/32".into(), None)]);
    both.addresses[1].state = crate::types::AddressState::Deprecated;
    leases.seen(at(2), 3, &[both]);
    leases.pass(at(2));
    assert_eq!(held(&leases, 2), [("192.0.2.60/32".into(), None), ("192.0.2.50/32".into(), None)]);
}

#[test]
fn a_host_behind_the_links_own_ipv6_address_follows_it_and_its_numbers_are_not_the_prefixes() {
    let mut settings = settings();
    let host = (External6::Interface, "fd00:bad:b01::9".parse().unwrap());
    (settings.wans[0].inbound6, settings.wans[0].nptv6.as_mut().unwrap().outside) = (vec![host], None);
    settings.wans[1].nptv6.as_mut().unwrap().outside = Some(net("2001:db8:f::/60"));
    settings.wans[0].gateway6 = Some("fe80::1".parse().unwrap());
    let mut leases = Leases::new(Arc::new(settings));
    let mut see = |ms, own: &[&str]| {
        let v6 = own.iter().map(|text| text.parse().unwrap()).collect();
        leases.seen(at(ms), 1, &[LinkState { addresses: v6, ..link(&[OLD], &[]) }]);
        leases.pass(at(ms));
        let [_, prefixes, own] = leases.shown(FIBER).unwrap().clone();
        let row = |it: Leased<IpNet>| (it.lease.0, it.held.to_string());
        [prefixes, own].map(|all| all.into_iter().map(row).collect::<Vec<_>>())
    };
    assert_eq!(see(0, &["fe80::7/64"]), [vec![(1, OLD.into())], vec![]]);
    assert_eq!(see(1, &["fe80::7/64", "2001:db8:9::7/64"])[1], [(2, "2001:db8:9::7/128".into())]);
    assert_eq!(see(2, &["2001:db8:9::8/64"])[1], [(4, "2001:db8:9::8/128".into()), (2, "2001:db8:9::7/128".into())]);
    assert_eq!(see(9000, &["2001:db8:9::8/64"])[1], [(4, "2001:db8:9::8/128".into())]);
}
