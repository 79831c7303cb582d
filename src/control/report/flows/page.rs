//! One page of the flow list: the first so many flows of those that a question means, in the order of their keys.
//!
//! A page is one walk over a copy of the table, shard by shard, which holds nothing up: no lock is held but while a shard
//! is copied. The key of its last flow is the place where the next page begins, so that pages follow each other without
//! anything kept in between, whatever comes and goes meanwhile. Memory is bounded by construction: while it is gathered, a
//! page has at most twice its flows of 112 bytes each, 7 MiB for the largest, and one shard's copy; when it is gathered
//! half of that. It is written in pieces, each made when it is wanted.
//! Must never know: sockets.

use super::cursor;
use super::filter::Filter;
use super::row::row;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::{FlowRecord, FlowTable};
use crate::plane::policy::Policy;
use crate::types::Tick;
use std::sync::Arc;

/// Flows in a piece of text: some 100 KiB.
const PIECE: usize = 256;

/// Some flows of many.
#[derive(Debug)]
pub struct Page {
    matched: u64,
    flows: Vec<(FlowKey, FlowRecord)>,
    /// Whether flows come behind the last of these.
    has_more: bool,
    policy: Arc<Policy>,
    now: Tick,
}

impl Page {
    /// Gathers the flows that `filter` takes and that live at `now`, up to its limit. This takes a moment: about 40 ms for
    /// a table of a million.
    #[must_use]
    pub fn gather(table: &FlowTable, policy: Arc<Policy>, filter: &Filter, now: Tick) -> Self {
        let (mut matched, mut first) = (0, First::new(filter.limit));
        table.for_each(|key, record| {
            if filter.takes(key, record, now) {
                matched += 1;
                if filter.after.is_none_or(|after| *key > after) {
                    first.offer(key, record);
                }
            }
        });
        let offered = first.offered;
        let flows = first.sorted();
        Self { matched, has_more: offered > flows.len(), flows, policy, now }
    }

    /// The page as JSON, `api::Flows`, in pieces.
    pub fn pieces(self) -> impl Iterator<Item = Vec<u8>> {
        let last = self.flows.len().div_ceil(PIECE);
        (0..=last).map(move |number| self.piece(number, number == last))
    }

    fn piece(&self, number: usize, is_last: bool) -> Vec<u8> {
        let mut text = Vec::new();
        if number == 0 {
            text.extend_from_slice(format!("{{\"matched\":{},\"flows\":[", self.matched).as_bytes());
        }
        for (index, (key, record)) in self.flows.iter().enumerate().skip(number * PIECE).take(PIECE) {
            if index > 0 {
                text.push(b',');
            }
            // A vector takes whatever is written, and each field of a flow has a form in JSON.
            let _ = serde_json::to_writer(&mut text, &row(key, record, &self.policy, self.now));
        }
        if is_last {
            let next = self.flows.last().filter(|_| self.has_more).map(|(key, _)| cursor::text(key));
            let next = next.map_or_else(String::new, |next| format!(",\"next\":\"{next}\""));
            text.extend_from_slice(format!("]{next}}}").as_bytes());
        }
        text
    }
}

/// The first of many flows that come in any order.
struct First {
    limit: usize,
    /// At most twice the limit.
    flows: Vec<(FlowKey, FlowRecord)>,
    /// Whatever comes behind it is not among the first.
    bound: Option<FlowKey>,
    offered: usize,
}

impl First {
    fn new(limit: usize) -> Self {
        Self { limit, flows: Vec::new(), bound: None, offered: 0 }
    }

    fn offer(&mut self, key: &FlowKey, record: &FlowRecord) {
        self.offered += 1;
        if self.limit == 0 || self.bound.is_some_and(|bound| *key > bound) {
            return;
        }
        self.flows.push((*key, *record));
        if self.flows.len() == 2 * self.limit {
            let (_, (last, _), _) = self.flows.select_nth_unstable_by_key(self.limit - 1, |(key, _)| *key);
            self.bound = Some(*last);
            self.flows.truncate(self.limit);
        }
    }

    fn sorted(mut self) -> Vec<(FlowKey, FlowRecord)> {
        self.flows.sort_unstable_by_key(|(key, _)| *key);
        self.flows.truncate(self.limit);
        self.flows.shrink_to_fit();
        self.flows
    }
}

#[cfg(test)]
mod tests;
