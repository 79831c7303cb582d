//! How large packets may be where not the link alone says it, as a table. Must never know: who finds that out.

use crate::api::{FamilyMtu, Wan};
use crate::cli::columns::Columns;

/// One line for each family of a WAN whose packets something else than its link bounds; empty when there is none.
pub(super) fn mtus(wans: &[Wan]) -> String {
    let mut columns = Columns::new(&["MTU", "FAMILY", ">BYTES", "SET BY"]);
    let mut is_any = false;
    for wan in wans {
        for FamilyMtu { family, mtu, source } in wan.mtus.iter().filter(|it| it.source != "link") {
            columns.row([wan.name.clone(), family.clone(), mtu.to_string(), source.clone()]);
            is_any = true;
        }
    }
    if is_any { columns.render() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_something_beside_the_link_narrows_is_a_line() {
        let of = |family: &str, mtu, source: &str| FamilyMtu { family: family.into(), mtu, source: source.into() };
        let mtus = vec![of("ipv4", 1500, "link"), of("ipv6", 1480, "advertisement")];
        let wan = Wan { name: "fiber".into(), mtus, ..Wan::default() };
        assert_eq!(super::mtus(&[wan]), "MTU    FAMILY  BYTES  SET BY\nfiber  ipv6     1480  advertisement\n");
        assert_eq!(super::mtus(&[Wan::default()]), "");
    }
}
