//! Which of several addresses were chosen, as a table. Must never know: how they are chosen.

use crate::api::{Source, Wan};
use crate::cli::columns::Columns;

/// One line for each choice; empty when there was none to make.
pub(super) fn sources(wans: &[Wan]) -> String {
    let mut columns = Columns::new(&["SOURCE", "FAMILY", "FOR", "ADDRESS", "CHOSEN AS"]);
    for wan in wans {
        for Source { family, purpose, address, reason } in &wan.sources {
            columns.row([wan.name.clone(), family.clone(), purpose.clone(), address.to_string(), reason.clone()]);
        }
    }
    if wans.iter().all(|wan| wan.sources.is_empty()) { String::new() } else { columns.render() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_a_line_with_what_decided() {
        let source = |family: &str, purpose: &str, address: &str, reason: &str| Source {
            family: family.into(),
            purpose: purpose.into(),
            address: address.parse().unwrap(),
            reason: reason.into(),
        };
        let chosen = vec![
            source("ipv4", "public", "192.0.2.50", "beside the gateway"),
            source("ipv6", "router", "2001:db8:a::5", "the only one"),
        ];
        let wan = Wan { name: "fiber".into(), sources: chosen, ..Wan::default() };
        let expected = "\
SOURCE  FAMILY  FOR     ADDRESS        CHOSEN AS
fiber   ipv4    public  192.0.2.50     beside the gateway
fiber   ipv6    router  2001:db8:a::5  the only one
";
        assert_eq!(sources(&[wan]), expected);
        assert_eq!(sources(&[Wan::default()]), "");
    }
}
