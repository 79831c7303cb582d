//! The public addresses that come and go, as a table. Must never know: who gives them.

use crate::api::{Lease, Wan};
use crate::cli::columns::{Columns, duration};

/// One line for each that is held; empty when the configuration names them all.
pub(super) fn leases(wans: &[Wan]) -> String {
    let mut columns = Columns::new(&["LEASE", "ADDRESS", "FOR", ">VALID", "REASON"]);
    for wan in wans {
        for Lease { address, current, reason, valid_seconds } in &wan.leases {
            let flows = if *current { "new flows" } else { "its flows" };
            let valid = valid_seconds.map(duration).unwrap_or_default();
            columns.row([wan.name.clone(), address.clone(), flows.to_owned(), valid, reason.clone()]);
        }
    }
    if wans.iter().all(|wan| wan.leases.is_empty()) { String::new() } else { columns.render() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_that_is_held_is_a_line_with_what_it_is_for_and_how_long() {
        let lease = |address: &str, current, reason: &str, valid_seconds| Lease {
            address: address.into(),
            current,
            reason: reason.into(),
            valid_seconds,
        };
        let held = vec![
            lease("192.0.2.50", true, "on the link", None),
            lease("2001:db8:a:d00::/60", true, "set by hand", Some(7440)),
            lease("2001:db8:a:c80::/60", false, "gone from the link", Some(3)),
        ];
        let wan = Wan { name: "fiber".into(), leases: held, ..Wan::default() };
        let expected = "\
LEASE  ADDRESS              FOR        VALID  REASON
fiber  192.0.2.50           new flows         on the link
fiber  2001:db8:a:d00::/60  new flows  2h04m  set by hand
fiber  2001:db8:a:c80::/60  its flows     3s  gone from the link
";
        assert_eq!(leases(&[wan]), expected);
        assert_eq!(leases(&[Wan::default()]), "");
    }
}
