//! The configuration: what the user wrote (`file`) and what it means (`settings`). Only the second travels; what is wrong
//! with the first comes back as `diagnostics`. Must never know: the plane, links, sockets.

pub mod diagnostics;
pub mod file;
pub(crate) mod nearest;
pub mod settings;
