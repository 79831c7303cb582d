//! The service around the data plane: makes of the settings, and of what the kernel says of its links, the policy that the
//! plane obeys, sets the kernel side up and takes it down, and answers the commands. Must never know: a packet.

pub mod compile;
pub mod controller;
mod gauge;
mod journal;
pub mod kernel;
pub mod links;
mod netlink;
mod privileges;
mod report;
mod rights;
#[cfg(test)]
mod sample;
pub mod service;
mod socket;
