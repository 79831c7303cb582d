//! The question of an NTP client (RFC 5905 §7.3) and the judgement of what comes back: a clock that is set. What time it
//! says is nobody's business here. Must never know: addresses, ports, time.

use crate::types::Failure;

/// Bytes of a message without extensions.
const LEN: usize = 48;
const CLIENT: u8 = 0x23;
const SERVER: u8 = 4;

/// The message that asks. What a server takes for our time is `token`: it says it back, and learns nothing of our clock.
pub(super) fn query(token: u64) -> Vec<u8> {
    let mut message = vec![0; LEN];
    message[0] = CLIENT;
    message[LEN - 8..].copy_from_slice(&token.to_be_bytes());
    message
}

/// What an answer is worth; `None`: it answers something else.
pub(super) fn judge(message: &[u8], token: u64) -> Option<Result<(), Failure>> {
    let message = message.first_chunk::<LEN>()?;
    if message[0] & 7 != SERVER || message[24..32] != token.to_be_bytes() {
        return None;
    }
    // Of stratum 0 are a kiss of death, which says why in letters, and a clock that is not set; the latter also says so by
    // stratum 16 or by leap indicator 3 (§7.3, §7.4).
    let (leap, stratum, says_why) = (message[0] >> 6, message[1], message[12].is_ascii_alphabetic());
    Some(match stratum {
        0 if says_why => Err(Failure::Refused),
        1..=15 if leap != 3 => Ok(()),
        _ => Err(Failure::Unset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_passes_and_one_that_is_not_or_refuses_fails() {
        let token = 0x0102_0304_0506_0708;
        let asked = query(token);
        assert_eq!((asked.len(), asked[0], &asked[40..]), (48, 0x23, &token.to_be_bytes()[..]));
        let answer = |first: u8, stratum: u8| {
            let mut answer = vec![0; 48];
            (answer[0], answer[1]) = (first, stratum);
            answer[24..32].copy_from_slice(&token.to_be_bytes());
            answer
        };
        let mut kiss = answer(0xe4, 0);
        kiss[12..16].copy_from_slice(b"RATE");
        let cases = [
            (answer(0x24, 2), Some(Ok(()))),
            (answer(0x1c, 15), Some(Ok(()))),
            (answer(0xe4, 2), Some(Err(Failure::Unset))),
            (answer(0x24, 16), Some(Err(Failure::Unset))),
            (answer(0xe4, 0), Some(Err(Failure::Unset))),
            (kiss, Some(Err(Failure::Refused))),
            (answer(0x23, 2), None),
            (answer(0x24, 2)[..47].to_vec(), None),
        ];
        for (answer, wanted) in cases {
            assert_eq!(judge(&answer, token), wanted, "{answer:?}");
        }
        assert_eq!(judge(&answer(0x24, 2), token + 1), None, "of somebody who did not see the question");
    }
}
