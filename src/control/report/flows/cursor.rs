//! A place in the flow list as text, `PROTOCOL-INSIDE-PORT-REMOTE-PORT`: the key of a flow, which need not live any more.
//! Must never know: tables.

use crate::plane::flow::key::FlowKey;
use std::str::FromStr;

/// The place just behind the flow with this key.
pub fn text(key: &FlowKey) -> String {
    let (inside, remote) = ((key.inside(), key.inside_port()), (key.remote(), key.remote_port()));
    format!("{}-{}-{}-{}-{}", key.protocol(), inside.0, inside.1, remote.0, remote.1)
}

/// The key in a place.
///
/// # Errors
/// One sentence: it is no place.
pub fn parse(text: &str) -> Result<FlowKey, String> {
    key(text).ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        format!("\"{}\" is no place in the list: take it from \"next\" of an answer", shown.escape_debug())
    })
}

fn key(text: &str) -> Option<FlowKey> {
    fn next<'a, T: FromStr>(parts: &mut impl Iterator<Item = &'a str>) -> Option<T> {
        parts.next()?.parse().ok()
    }
    let mut parts = text.split('-');
    let protocol = next(&mut parts)?;
    let inside = (next(&mut parts)?, next(&mut parts)?);
    let remote = (next(&mut parts)?, next(&mut parts)?);
    parts.next().is_none().then(|| FlowKey::from_parts(protocol, inside, remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_written() {
        let key = |protocol, inside: &str, remote: &str| {
            FlowKey::from_parts(protocol, (inside.parse().unwrap(), 40_000), (remote.parse().unwrap(), 443))
        };
        let v4 = key(6, "10.250.250.2", "203.0.113.9");
        assert_eq!(text(&v4), "6-10.250.250.2-40000-203.0.113.9-443");
        for key in [v4, key(17, "fd00:bad:b01::2", "2001:db8::1"), key(255, "::", "::1")] {
            assert_eq!(parse(&text(&key)), Ok(key));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in ["", "6", "6-10.0.0.1-1-10.0.0.2", "6-10.0.0.1-1-10.0.0.2-1-", "256-::-1-::-1", "6-::-x-::-1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
