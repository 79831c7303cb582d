//! The lab: a firewall, a router, three ISPs and an Internet host as network namespaces of this machine, for `flowpin lab`,
//! the tests and the benches. Everything it makes carries the process id in its name and goes away with the [`Lab`].
//! Must never know: how flowpin works; it starts the service as a program and asks it over its control socket.
//!
//! ```text
//!        fw                     rt                                   ispa                    inet
//!  10.250.250.2-6/29 lan0 - lan0 10.250.250.1/29                customer  uplink - ispa
//!  fd00:bad:b01:1::100           fe80::1         wan0 --------- 192.0.2.198/29           203.0.113.10
//!  fd00:bad:b01:fe::2                            fe80::a2       fe80::a1                 2001:db8:ffff::10
//!  fe80::2                                                           ispb
//!                                                wan1 --------- customer  uplink - ispb
//!                                                198.18.2.2/30  198.18.2.1/30
//!                                                fe80::b2       fe80::b1
//! ```
//! ISP a has the block 192.0.2.192/29 on its link (it asks ARP for every address, and the router's link has none of its
//! own); ISP b routes 198.51.100.240/29 to 198.18.2.2. Both route a /60 to the router's link-local address. The line to
//! ISP c (wwan0, block 203.0.113.240/29, gateway 203.0.113.246) is not there until it is plugged in.

mod build;
mod counters;
mod cut;
mod fault;
mod namespace;
mod network;
mod options;
mod service;
mod settings;
pub mod topology;
pub mod traffic;
pub mod wire;

pub use counters::Counters;
pub use namespace::Namespace;
pub use network::Lab;
pub use options::{Npt, Options};
pub use service::Service;
