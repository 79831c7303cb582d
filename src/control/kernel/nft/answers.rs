//! What the kernel answers to one batch: each answer is matched by its sequence number, whatever else is read.
//! Must never know: sockets, what the messages say.

use super::{HEADER, NLMSG_ERROR};
use std::io;

/// The answers to the messages of one batch, as far as they have been read.
#[derive(Debug)]
pub(super) struct Answers {
    /// Sequence number of the batch's begin; its messages follow it one by one, then its end.
    begin: u32,
    messages: u32,
    confirmed: u32,
    /// The earliest refused message, 0 for the begin, with its code.
    refused: Option<(u32, i32)>,
}

/// Why a batch did not take effect, or may not have.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The batch as a whole.
    Batch(io::Error),
    /// A message, counted from 0.
    Message(usize, io::Error),
    /// Some confirmations are missing and no refusal came: the kernel had no room for them.
    Unanswered,
}

impl Answers {
    /// Nothing is read yet of the answers to a batch of so many messages, whose begin has that sequence number.
    pub fn to(begin: u32, messages: u32) -> Self {
        Self { begin, messages, confirmed: 0, refused: None }
    }

    /// Reads one datagram. Answers to other batches, notifications and what is cut off before its code are passed over.
    pub fn read(&mut self, mut datagram: &[u8]) {
        while let Some((header, rest)) = datagram.split_first_chunk::<HEADER>() {
            let [l0, l1, l2, l3, t0, t1, _, _, s0, s1, s2, s3, ..] = *header;
            let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
            if let (NLMSG_ERROR, Some(code)) = (u16::from_ne_bytes([t0, t1]), rest.first_chunk()) {
                self.answered(u32::from_ne_bytes([s0, s1, s2, s3]), i32::from_ne_bytes(*code));
            }
            datagram = datagram.get(length.max(HEADER).next_multiple_of(4)..).unwrap_or_default();
        }
    }

    fn answered(&mut self, sequence: u32, code: i32) {
        let place = sequence.wrapping_sub(self.begin);
        let is_message = (1..=self.messages).contains(&place);
        match code {
            0 if is_message => self.confirmed = self.confirmed.saturating_add(1),
            0 => {}
            _ if place <= self.messages.saturating_add(1) && self.refused.is_none_or(|(first, _)| place < first) => {
                self.refused = Some((place, code));
            }
            _ => {}
        }
    }

    /// What they come to when nothing is left to read.
    ///
    /// # Errors
    /// The refusal of the earliest message, in the order of the batch; or that not every message is answered.
    pub fn outcome(self) -> Result<(), Refusal> {
        match self.refused {
            None if self.confirmed == self.messages => Ok(()),
            None => Err(Refusal::Unanswered),
            Some((place, code)) => {
                let error = io::Error::from_raw_os_error(code.saturating_neg());
                Err(match usize::try_from(place).ok().and_then(|place| place.checked_sub(1)) {
                    Some(message) if place <= self.messages => Refusal::Message(message, error),
                    _ => Refusal::Batch(error),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
