//! The rules a router is held to, one test or more per rule, named after it: `c_30_…`. Sections are files. Above a test,
//! `/// Shows RFC 5508 REQ-4, RFC 1812 §4.3.2.3.` names the clauses it shows; `table` makes CONFORMANCE.md of them and
//! fails when the two differ.

mod clauses;
mod table;

mod a_nat44;
mod b_tcp;
mod c_icmp;
mod d_nptv6;
mod e_mtu;
mod e_mtu_fragmentation;
mod f_host;
mod g_fragments;
mod i_sanity;
