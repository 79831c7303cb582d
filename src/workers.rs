//! Introduces ports to the plane: one turn receives, processes and sends. Live service and replay share it.
//! Must never know: what a packet means, where settings come from.

pub mod live;
pub mod mailbox;
mod meters;
mod port;
pub mod turn;
