//! Tells when somebody else has changed the kernel side: took the shield away or a part of it, or changed policy rules or
//! the switches that the kernel reports. Must never know: what is done about it.

use super::nft::dump::{attribute, text};
use super::nft::{HEADERS, SUBSYS_NFTABLES};
use super::shield::table_name;
use crate::control::netlink::subscription::{Heard, Subscription, messages};
use rtnetlink::MulticastGroup::{Ipv4Netconf, Ipv4Rule, Ipv6Netconf, Ipv6Rule};
use rtnetlink::sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};

/// What somebody may have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Touched {
    /// The shield; and who did it, if the kernel told.
    Shield(Option<Culprit>),
    /// Rules, or switches: look.
    Forwarding,
}

/// A process that changed nf_tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Culprit {
    /// Its name, of at most 15 bytes.
    pub name: String,
    /// Its number.
    pub pid: u32,
}

/// A subscription.
pub struct Watch {
    rules: Subscription,
    tables: Subscription,
    seen: SeenTables,
}

impl Watch {
    /// Begins. The shield is that of `tun`, and who raises it is known to the kernel by `port`. Needs a tokio runtime.
    ///
    /// # Errors
    /// A sentence, when netlink refuses.
    pub fn start(tun: &str, port: u32) -> Result<Self, String> {
        let sentence = |error| format!("cannot watch the kernel side: {error}");
        let groups = [Ipv4Rule, Ipv6Rule, Ipv4Netconf, Ipv6Netconf].map(|group| group as u32);
        let rules = Subscription::new(NETLINK_ROUTE, groups).map_err(sentence)?;
        let tables = Subscription::new(NETLINK_NETFILTER, [NFNLGRP_NFTABLES]).map_err(sentence)?;
        Ok(Self { rules, tables, seen: SeenTables { table: table_name(tun), port, touched: false } })
    }

    /// Waits until something was changed by somebody else, as far as that can be told: of rules and switches it cannot.
    ///
    /// # Errors
    /// A sentence, when the subscription ended: subscribe again.
    pub async fn next(&mut self) -> Result<Touched, String> {
        loop {
            // A storm must not keep the thread from its other work.
            tokio::task::coop::consume_budget().await;
            tokio::select! {
                heard = self.rules.receive() => {
                    heard?;
                    return Ok(Touched::Forwarding);
                }
                heard = self.tables.receive() => match heard? {
                    Heard::Overrun => return Ok(Touched::Shield(None)),
                    Heard::Datagram => if let Some(culprit) = self.seen.read(&self.tables.datagram) {
                        return Ok(Touched::Shield(culprit));
                    }
                }
            }
        }
    }
}

/// What was heard of the tables since the last transaction ended.
struct SeenTables {
    table: String,
    port: u32,
    touched: bool,
}

/// linux/netfilter/nfnetlink.h and nf_tables.h.
const NFNLGRP_NFTABLES: u32 = 7;
const NFT_MSG_NEWGEN: u16 = 15;
/// Where `struct nlmsghdr` says who caused the message.
const PORT: usize = 12;
/// `NFTA_TABLE_NAME`, and the attribute that names the table in messages about its parts.
const TABLE: u16 = 1;
/// `NFTA_GEN_PROC_PID`, `NFTA_GEN_PROC_NAME`.
const GEN_PID: u16 = 2;
const GEN_NAME: u16 = 3;

impl SeenTables {
    /// Reads a datagram. When a transaction of somebody else that touched the tables has ended: who made it, if known.
    fn read(&mut self, datagram: &[u8]) -> Option<Option<Culprit>> {
        for message in messages(datagram) {
            let Some((kind, bytes)) = message else {
                // What cannot be read may be anything.
                return Some(None);
            };
            let Some(body) = bytes.get(HEADERS..).filter(|_| kind >> 8 == SUBSYS_NFTABLES) else { continue };
            if kind & 0xff == NFT_MSG_NEWGEN {
                if std::mem::take(&mut self.touched) {
                    return Some(culprit(body));
                }
                continue;
            }
            let port = bytes.get(PORT..).and_then(<[u8]>::first_chunk).map(|port| u32::from_ne_bytes(*port));
            let is_ours = attribute(body, TABLE).is_some_and(|name| text(name) == self.table);
            self.touched |= is_ours && port != Some(self.port);
        }
        None
    }
}

fn culprit(body: &[u8]) -> Option<Culprit> {
    let name = text(attribute(body, GEN_NAME)?);
    let pid = attribute(body, GEN_PID)?.first_chunk().map(|pid| u32::from_be_bytes(*pid))?;
    Some(Culprit { name, pid })
}

#[cfg(test)]
mod tests;
