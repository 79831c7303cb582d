//! The question for a record of a name (RFC 1035 §4.1) and the judgement of what comes back.
//! Must never know: addresses, ports, time.

use crate::types::Failure;

/// Bytes of a message's header.
const HEADER: usize = 12;
/// Type A (RFC 1035 §3.2.2): what is asked for unless another type is said.
const A: u16 = 1;
/// Class IN (RFC 1035 §3.2.4).
const IN: u16 = 1;
/// Bytes of a name on the wire at the most (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 255;

/// The question for a record of `name`, of type A unless `record` says another: labels, type and class. `None`: it is no
/// name (RFC 1035 §2.3.4).
#[must_use]
pub fn question(name: &str, record: Option<u16>) -> Option<Box<[u8]>> {
    let mut wire = Vec::new();
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        wire.push(u8::try_from(label.len()).ok().filter(|len| (1..=63).contains(len))?);
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    if wire.len() > LONGEST_NAME {
        return None;
    }
    wire.extend_from_slice([record.unwrap_or(A), IN].map(u16::to_be_bytes).as_flattened());
    Some(wire.into_boxed_slice())
}

/// The message that asks it, recursion desired.
pub(super) fn query(id: u16, question: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    [&[high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], question].concat()
}

/// What an answer is worth, in which a record of type `wanted` has to be; `None`: it answers something else.
pub(super) fn judge(message: &[u8], id: u16, question: &[u8], wanted: Option<u16>) -> Option<Result<(), Failure>> {
    let (header, rest) = message.split_first_chunk::<HEADER>()?;
    let [flags, codes] = [header[2], header[3]];
    let (is_answer, operation, is_cut, code) = (flags & 0x80 != 0, flags >> 3 & 15, flags & 2 != 0, codes & 15);
    if header[..2] != id.to_be_bytes() || !is_answer || operation != 0 {
        return None;
    }
    let counts = [[header[4], header[5]], [header[6], header[7]]].map(u16::from_be_bytes);
    let records = match counts[0] {
        // A server may leave the question out of what it cannot read.
        0 if code != 0 => return Some(Err(Failure::Dns(code))),
        1 => rest.split_at_checked(question.len()).filter(|(asked, _)| asked.eq_ignore_ascii_case(question))?.1,
        _ => return None,
    };
    Some(match (code, counts[1]) {
        (0, count) if wanted.is_some() => has_record(records, count, wanted),
        (0, _) if is_cut => Ok(()),
        (0, 0) => Err(Failure::Dns(0)),
        (0, _) => record(records).map_or(Err(Failure::Garbled), |_| Ok(())),
        _ => Err(Failure::Dns(code)),
    })
}

/// Whether one of `count` records is of that type: an alias that leads nowhere is none.
fn has_record(mut bytes: &[u8], count: u16, wanted: Option<u16>) -> Result<(), Failure> {
    for _ in 0..count {
        let Some((kind, rest)) = record(bytes) else { return Err(Failure::Garbled) };
        if Some(kind) == wanted {
            return Ok(());
        }
        bytes = rest;
    }
    Err(Failure::Dns(0))
}

/// The type of the whole record that these bytes begin with, and what follows it (RFC 1035 §4.1.3).
fn record(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (fields, data) = behind_name(bytes)?.split_first_chunk::<10>()?;
    let rest = data.get(usize::from(u16::from_be_bytes([fields[8], fields[9]]))..)?;
    Some((u16::from_be_bytes([fields[0], fields[1]]), rest))
}

/// What follows a name: labels up to an empty one or a pointer (RFC 1035 §4.1.4), which is not followed.
fn behind_name(mut bytes: &[u8]) -> Option<&[u8]> {
    for _ in 0..LONGEST_NAME {
        let (len, rest) = bytes.split_first()?;
        match len {
            0 => return Some(rest),
            0xc0.. => return rest.get(1..),
            1..=63 => bytes = rest.get(usize::from(*len)..)?,
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::packet::sample::hex;
    use proptest::prelude::*;

    const ID: u16 = 0x1234;

    fn asked() -> Box<[u8]> {
        question("example.com", None).unwrap()
    }

    /// An answer with these flags and counts to the question for EXAMPLE.com, and what follows.
    fn answer(head: &str, rest: &str) -> Vec<u8> {
        hex(&format!("{head} 0000 0000 07 4558414d504c45 03 636f6d 00 0001 0001 {rest}"))
    }

    const RECORD: &str = "c00c 0001 0001 0000003c 0004 c0000201";

    #[test]
    fn a_query_byte_by_byte() {
        let wanted = "1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001";
        assert_eq!(query(ID, &asked()), hex(wanted));
    }

    #[test]
    fn what_is_no_name_has_no_question() {
        for name in ["", ".", "a..b", &"x".repeat(64), &["abcdefg"; 32].join(".")] {
            assert_eq!(question(name, None), None, "{name}");
        }
        assert_eq!(question("example.com.", Some(28)), question("example.com", Some(28)));
    }

    #[test]
    fn an_answer_is_worth_what_its_code_and_records_say() {
        let cases = [
            ("1234 8180 0001 0001", RECORD, Some(Ok(()))),
            ("1234 8180 0001 0001", "", Some(Err(Failure::Garbled))),
            ("1234 8180 0001 0001", "c00c 0001 0001 0000003c 0005 c0000201", Some(Err(Failure::Garbled))),
            ("1234 8180 0001 0000", "", Some(Err(Failure::Dns(0)))),
            ("1234 8380 0001 0000", "", Some(Ok(()))),
            ("1234 8183 0001 0000", "", Some(Err(Failure::Dns(3)))),
            ("1234 8182 0001 0000", "", Some(Err(Failure::Dns(2)))),
            ("1234 8181 0000 0000", "", Some(Err(Failure::Dns(1)))),
            ("1235 8180 0001 0001", RECORD, None),
            ("1234 0100 0001 0000", "", None),
            ("1234 a980 0001 0001", RECORD, None),
            ("1234 8180 0002 0001", RECORD, None),
        ];
        for (head, rest, wanted) in cases {
            assert_eq!(judge(&answer(head, rest), ID, &asked(), None), wanted, "{head} {rest}");
        }
        let other = question("example.org", None).unwrap();
        assert_eq!(judge(&answer("1234 8180 0001 0001", RECORD), ID, &other, None), None);
    }

    #[test]
    fn a_record_of_the_type_that_is_asked_for_has_to_be_there() {
        const ALIAS: &str = "c00c 0005 0001 0000003c 0002 c00c";
        let both = format!("{ALIAS} {RECORD}");
        let cases = [
            ("1234 8180 0001 0001", RECORD, Ok(())),
            ("1234 8180 0001 0002", &both, Ok(())),
            ("1234 8180 0001 0001", ALIAS, Err(Failure::Dns(0))),
            ("1234 8180 0001 0001", &both, Err(Failure::Dns(0))),
            ("1234 8180 0001 0000", "", Err(Failure::Dns(0))),
            ("1234 8380 0001 0000", "", Err(Failure::Dns(0))),
            ("1234 8180 0001 0003", ALIAS, Err(Failure::Garbled)),
            ("1234 8183 0001 0000", "", Err(Failure::Dns(3))),
        ];
        for (head, rest, wanted) in cases {
            assert_eq!(judge(&answer(head, rest), ID, &asked(), Some(1)), Some(wanted), "{head} {rest}");
        }
        assert_eq!(judge(&answer("1234 8180 0001 0001", ALIAS), ID, &asked(), None), Some(Ok(())), "any will do");
    }

    proptest! {
        #[test]
        fn any_message_is_judged(
            mut message in prop::collection::vec(any::<u8>(), 0..80), good in 0..60usize, at in any::<prop::sample::Index>(), value: u8,
        ) {
            let whole = answer("1234 8180 0001 0001", RECORD);
            message.splice(..good.min(message.len()), whole.iter().copied().take(good));
            let _ = judge(&message, ID, &asked(), Some(1));
            let mut spoilt = whole;
            let at = at.index(spoilt.len());
            spoilt[at] = value;
            let _ = judge(&spoilt, ID, &asked(), None);
            let _ = judge(&spoilt[..at], ID, &asked(), Some(1));
        }
    }
}
