//! Address translation: what the ends of a packet become (1:1 NAT44, masquerade, NPTv6), and how it is rewritten, with the packet that an
//! ICMP error quotes.

pub mod host6;
pub mod inner;
pub mod mapped;
pub mod masquerade;
pub mod nat44;
pub mod nptv6;
pub mod rewrite;
