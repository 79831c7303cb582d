//! The threads that move frames between the ports through the plane, and how control reaches them. One turn receives,
//! processes and sends a batch; live service and replay share it.
//! Must never know: what a packet means, where settings come from.

pub mod live;
pub mod mailbox;
mod meters;
mod port;
pub mod turn;
