//! What the user said (`file`) and what it means (`settings`). Only the second travels.
//! Must never know: the plane, links, sockets.

pub mod settings;
