//! The request for a page (RFC 9112, version 1.0: a server may not answer that in chunks, §7.1) and the judgement of what
//! comes back. Must never know: segments, time.

use crate::types::Failure;

/// The request for `path` at `host` (with its port, where it is not 80).
#[must_use]
pub fn request(host: &str, path: &str) -> Box<[u8]> {
    format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: flowpin\r\nAccept: */*\r\nConnection: close\r\n\r\n")
        .into_bytes()
        .into_boxed_slice()
}

/// What the beginning of an answer is worth; `None` while more of it is needed, which `over` says will not come.
pub(super) fn judge(answer: &[u8], over: bool, expected: (&[u16], Option<&[u8]>)) -> Option<Result<(), Failure>> {
    let status = match status(answer) {
        Status::Read(status) => status,
        Status::NotYet if !over => return None,
        Status::NotYet | Status::Nonsense => return Some(Err(Failure::Garbled)),
    };
    if !expected.0.contains(&status) {
        return Some(Err(Failure::Status(status)));
    }
    let Some(wanted) = expected.1 else { return Some(Ok(())) };
    let body = position(answer, b"\r\n\r\n").and_then(|at| answer.get(at + 4..));
    match body.and_then(|body| position(body, wanted)) {
        Some(_) => Some(Ok(())),
        None if over => Some(Err(Failure::Body)),
        None => None,
    }
}

enum Status {
    Read(u16),
    NotYet,
    Nonsense,
}

/// The status line (RFC 9112 §4): `HTTP/1.1 204 `, of whose version only the major number matters.
fn status(answer: &[u8]) -> Status {
    const START: &[u8] = b"HTTP/1.";
    let known = answer.len().min(START.len());
    if answer.get(..known) != START.get(..known) {
        return Status::Nonsense;
    }
    match answer.get(START.len()..) {
        Some([minor, b' ', digits @ ..]) if minor.is_ascii_digit() => match digits {
            [a, b, c, b' ' | b'\r', ..] if [a, b, c].into_iter().all(u8::is_ascii_digit) => {
                Status::Read([a, b, c].into_iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
            }
            [_, _, _, _, ..] => Status::Nonsense,
            _ => Status::NotYet,
        },
        Some([_, _, ..]) => Status::Nonsense,
        _ => Status::NotYet,
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_byte_by_byte() {
        let wanted = "GET /generate_204 HTTP/1.0\r\nHost: 203.0.113.10\r\nUser-Agent: flowpin\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(&*request("203.0.113.10", "/generate_204"), wanted.as_bytes());
    }

    #[test]
    fn a_status_is_judged_as_soon_as_it_is_there() {
        let cases = [
            (&b"HTTP/1.1 204 No Content\r\n"[..], false, Some(Ok(()))),
            (b"HTTP/1.0 204\r\n", false, Some(Ok(()))),
            (b"HTTP/1.1 302 Found\r\n", false, Some(Err(Failure::Status(302)))),
            (b"HTTP/1.1 204", false, None),
            (b"HTTP/1.1 204", true, Some(Err(Failure::Garbled))),
            (b"HT", false, None),
            (b"", false, None),
            (b"", true, Some(Err(Failure::Garbled))),
            (b"SSH-2.0-x\r\n", false, Some(Err(Failure::Garbled))),
            (b"HTTP/2 204 \r\n", false, Some(Err(Failure::Garbled))),
            (b"HTTP/1.1 2o4 \r\n", false, Some(Err(Failure::Garbled))),
            (b"HTTP/1.1-204 \r\n", false, Some(Err(Failure::Garbled))),
        ];
        for (answer, over, wanted) in cases {
            assert_eq!(judge(answer, over, (&[204, 205], None)), wanted, "{}", String::from_utf8_lossy(answer));
        }
    }

    #[test]
    fn a_body_counts_behind_the_header_only_and_may_come_in_pieces() {
        let expected = (&[200][..], Some(&b"success"[..]));
        let answer = b"HTTP/1.1 200 OK\r\nX: success\r\n\r\nthis is a success.";
        for len in 0..answer.len() - 1 {
            assert_eq!(judge(&answer[..len], false, expected), None, "{len}");
        }
        assert_eq!(judge(&answer[..answer.len() - 1], false, expected), Some(Ok(())));
        assert_eq!(judge(&answer[..answer.len() - 2], true, expected), Some(Err(Failure::Body)));
    }

    proptest! {
        #[test]
        fn what_was_judged_stays_judged_whatever_comes_behind(
            start in prop_oneof![Just(b"".to_vec()), Just(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())],
            rest in prop::collection::vec(any::<u8>(), 0..100),
            cut in any::<prop::sample::Index>(),
            body in prop::option::of(prop::collection::vec(any::<u8>(), 0..3)),
        ) {
            let answer = [start, rest].concat();
            let expected = (&[200][..], body.as_deref());
            let early = judge(&answer[..cut.index(answer.len() + 1)], false, expected);
            let late = judge(&answer, true, expected);
            prop_assert!(late.is_some() && (early.is_none() || early == late));
        }
    }
}
