//! Tests of claims, one file per claim, most of them in the lab: real kernel, real programs as peers. They need root.
//! `lab`, `machine` and `story` are the harnesses; the first two and each test make namespaces of their own, so tests run side by side.

mod lab;
mod machine;
mod story;

mod arp;
mod balance;
mod browse;
mod commands;
mod conformance;
mod demo;
mod dynamic;
mod errors_through;
mod evidence;
mod failover;
mod hang_up;
mod health;
mod hooks;
mod inbound;
mod instruments;
mod kernel_hop;
mod kernel_side;
mod kernel_silence;
mod law;
mod leases;
mod lifecycle;
mod link_facts;
mod links_change;
mod links_follow;
mod manual;
mod model;
mod nptv6;
mod offloads;
mod path_mtu;
mod ping_sizes;
mod ports;
mod probes;
mod recall;
mod replay;
mod shown;
mod silence;
mod storm;
mod topology;
mod traceroute;
mod transfers;
mod vlan;
