//! The hello of a TLS client (RFC 8446 §4.1.2) and the judgement of what comes back: a server that greets is there, and no
//! portal that takes every connection. No key is agreed on, and no certificate is looked at: the client offers no share, so
//! that a server of version 1.3 greets with a request for one (§4.2.8), which is a greeting too.
//! Must never know: segments, time.

use crate::types::Failure;

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Of versions 1.3 and 1.2, what nearly every server takes one of.
const SUITES: [u16; 9] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xc013, 0x009c];
const GROUPS: [u16; 3] = [0x001d, 0x0017, 0x0018];
const SIGNATURES: [u16; 6] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501];
const VERSIONS: [u16; 2] = [0x0304, 0x0303];

/// The hello to the server that has this name; without one the server greets as it likes.
#[must_use]
pub fn hello(name: Option<&str>) -> Box<[u8]> {
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let name = counted16(name.as_bytes());
        extensions.extend(extension(0, &counted16(&[&[0], name.as_slice()].concat())));
    }
    extensions.extend(extension(10, &counted16(&words(&GROUPS))));
    extensions.extend(extension(11, &[1, 0]));
    extensions.extend(extension(13, &counted16(&words(&SIGNATURES))));
    extensions.extend(extension(43, &counted8(&words(&VERSIONS))));
    extensions.extend(extension(51, &counted16(&[])));
    let mut body = vec![3, 3];
    // Nothing is secret here: the bytes that a session would need to be random are not.
    body.extend((0..32).map(|at: u8| at.wrapping_mul(37) ^ 0x5a));
    body.extend(counted8(&[]));
    body.extend(counted16(&words(&SUITES)));
    body.extend([1, 0]);
    body.extend(counted16(&extensions));
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[CLIENT_HELLO], &length[1..], &body].concat();
    [&[HANDSHAKE, 3, 1], counted16(&message).as_slice()].concat().into_boxed_slice()
}

/// What the beginning of an answer is worth; `None` while more of it is needed, which `over` says will not come.
pub(super) fn judge(answer: &[u8], over: bool) -> Option<Result<(), Failure>> {
    match *answer {
        [HANDSHAKE, 3, _, _, _, SERVER_HELLO, ..] => Some(Ok(())),
        [ALERT, 3, _, _, 2, _, code, ..] => Some(Err(Failure::Alert(code))),
        [] | [HANDSHAKE | ALERT] | [HANDSHAKE | ALERT, 3] if !over => None,
        [HANDSHAKE | ALERT, 3, ..] if answer.len() < 6 && !over => None,
        [ALERT, 3, _, _, 2, _] if !over => None,
        _ => Some(Err(Failure::Garbled)),
    }
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted16(body)].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Behind its length in one byte; what is counted here is always shorter than that can say.
fn counted8(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len() as u8], bytes].concat()
}

/// Behind its length in two bytes.
fn counted16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_says_how_long_each_part_of_it_is_and_whom_it_is_to() {
        let hello = hello(Some("example.com"));
        let number = |at: usize| usize::from(hello[at]) << 8 | usize::from(hello[at + 1]);
        assert_eq!((hello[0], number(3), hello[5], number(7)), (22, hello.len() - 5, 1, hello.len() - 9));
        let suites = 9 + 2 + 32 + 1;
        assert_eq!((number(suites), hello[suites + 20], hello[suites + 21]), (18, 1, 0));
        let extensions = suites + 22;
        assert_eq!(number(extensions), hello.len() - extensions - 2);
        let (mut at, mut kinds) = (extensions + 2, vec![]);
        while at < hello.len() {
            kinds.push(number(at));
            at += 4 + number(at + 2);
        }
        assert_eq!((at, kinds), (hello.len(), vec![0, 10, 11, 13, 43, 51]));
        assert_eq!(hello[extensions + 6..][..16], *b"\0\x0e\0\0\x0bexample.com");
        assert_eq!(super::hello(None).len(), hello.len() - 20);
    }

    #[test]
    fn a_server_that_greets_passes_and_others_fail_for_their_reason() {
        let cases: [(&[u8], bool, Option<_>); 9] = [
            (&[22, 3, 3, 0, 74, 2, 0, 0, 70], false, Some(Ok(()))),
            (&[21, 3, 3, 0, 2, 2, 112], false, Some(Err(Failure::Alert(112)))),
            (b"HTTP/1.1 400 Bad Request", false, Some(Err(Failure::Garbled))),
            (&[22, 3, 3, 0, 74, 1], false, Some(Err(Failure::Garbled))),
            (&[22, 2], false, Some(Err(Failure::Garbled))),
            (&[22, 3, 3, 0, 74], false, None),
            (&[22, 3, 3, 0, 74], true, Some(Err(Failure::Garbled))),
            (&[21, 3, 3, 0, 2, 2], false, None),
            (&[], true, Some(Err(Failure::Garbled))),
        ];
        for (answer, over, wanted) in cases {
            assert_eq!(judge(answer, over), wanted, "{answer:?}");
        }
        let greeting = [22, 3, 3, 0, 74, 2];
        assert!((0..greeting.len()).all(|len| judge(&greeting[..len], false).is_none()));
    }
}
