//! What happened to WANs and to the kernel side, in order: a bounded journal that the log and the hooks read, each at its
//! own pace and on its own thread, so that nobody who is slow holds up whoever writes. Must never know: who reads, how it is told.

use super::controller::leases::LeaseChange;
use crate::health::{Change, Trace, Verb};
use crate::types::WanId;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries that are kept: who falls further behind misses the oldest, and is told how many.
const KEPT: usize = 1024;

/// Something that happened to a WAN, or to the kernel side.
#[derive(Clone, Debug)]
pub enum Happened {
    /// It stands otherwise than before.
    State(Change),
    /// Its public address is another, or one has ended.
    Address(LeaseChange),
    /// An operator said how to treat it.
    Operator {
        /// The WAN.
        wan: WanId,
        /// How.
        verb: Verb,
        /// Why; may be empty.
        reason: String,
    },
    /// The workers serve it on this link now.
    Attached {
        /// The WAN.
        wan: WanId,
        /// The name of the link.
        link: String,
    },
    /// Its link does not exist any more.
    LinkGone(WanId),
    /// Somebody else had changed the kernel side, and it is as it must be again: what it was, in words.
    Mended(String),
    /// What is amiss of the kernel side and stays so for now, as sentences; none: it is whole again.
    Amiss(Vec<String>),
    /// A worker's port on its link broke.
    PortLost {
        /// The WAN.
        wan: WanId,
        /// The system's words.
        error: String,
    },
}

/// One line of the journal.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, since 1970-01-01 UTC.
    pub at: Duration,
    /// Ties together what has one cause; lines of no cause have the default.
    pub trace: Trace,
    /// What.
    pub what: Happened,
}

/// The journal. Writing never waits for a reader.
#[derive(Debug, Default)]
pub struct Journal {
    pages: Mutex<Pages>,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Pages {
    entries: VecDeque<Arc<Entry>>,
    /// The number of the first of them, counted from 0 since the start.
    first: u64,
    is_closed: bool,
}

impl Journal {
    /// Adds a line.
    pub fn write(&self, entry: Entry) {
        let mut pages = self.pages();
        pages.entries.push_back(Arc::new(entry));
        if pages.entries.len() > KEPT {
            pages.entries.pop_front();
            pages.first += 1;
        }
        self.written.notify_all();
    }

    /// Nothing more will be written: readers come to an end.
    pub fn close(&self) {
        self.pages().is_closed = true;
        self.written.notify_all();
    }

    /// A reader of what is written from now on.
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> Reader {
        let pages = self.pages();
        let next = pages.first + pages.entries.len() as u64;
        drop(pages);
        Reader { journal: Arc::clone(self), next }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader gets.
#[derive(Clone, Debug)]
pub enum Line {
    /// The next line.
    Entry(Arc<Entry>),
    /// So many lines are gone, because the reader was slow.
    Missed(u64),
}

/// A place in the journal.
#[derive(Debug)]
pub struct Reader {
    journal: Arc<Journal>,
    next: u64,
}

impl Iterator for Reader {
    type Item = Line;

    /// The next line: waits for it. `None`: the journal is closed and read to its end.
    fn next(&mut self) -> Option<Line> {
        let mut pages = self.journal.pages();
        loop {
            if self.next < pages.first {
                let missed = pages.first - self.next;
                self.next = pages.first;
                return Some(Line::Missed(missed));
            }
            let at = usize::try_from(self.next - pages.first).unwrap_or(usize::MAX);
            if let Some(entry) = pages.entries.get(at) {
                self.next += 1;
                return Some(Line::Entry(Arc::clone(entry)));
            }
            if pages.is_closed {
                return None;
            }
            pages = self.journal.written.wait(pages).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn entry(wan: u8) -> Entry {
        Entry { at: Duration::ZERO, trace: Trace::default(), what: Happened::LinkGone(WanId(wan)) }
    }

    fn shown(line: Line) -> Result<u8, u64> {
        match line {
            Line::Entry(entry) => match entry.what {
                Happened::LinkGone(wan) => Ok(wan.0),
                _ => panic!("{entry:?}"),
            },
            Line::Missed(missed) => Err(missed),
        }
    }

    #[test]
    fn each_reader_gets_every_line_from_its_beginning_to_the_end_in_order() {
        let journal = Arc::new(Journal::default());
        let early = journal.reader();
        journal.write(entry(1));
        let late = journal.reader();
        journal.write(entry(2));
        journal.close();
        assert_eq!(early.map(shown).collect::<Vec<_>>(), [Ok(1), Ok(2)]);
        assert_eq!(late.map(shown).collect::<Vec<_>>(), [Ok(2)]);
    }

    #[test]
    fn a_reader_that_is_slow_misses_the_oldest_lines_and_is_told_how_many() {
        let journal = Arc::new(Journal::default());
        let reader = journal.reader();
        (0..KEPT + 3).for_each(|number| journal.write(entry(number as u8)));
        journal.close();
        let read: Vec<_> = reader.map(shown).collect();
        assert_eq!((read.len(), read[0], read[1]), (1 + KEPT, Err(3), Ok(3)));
    }

    #[test]
    fn a_reader_waits_for_the_next_line() {
        let journal = Arc::new(Journal::default());
        let reader = journal.reader();
        let read = thread::spawn(move || reader.map(shown).collect::<Vec<_>>());
        journal.write(entry(7));
        journal.close();
        assert_eq!(read.join().unwrap(), [Ok(7)]);
    }
}
