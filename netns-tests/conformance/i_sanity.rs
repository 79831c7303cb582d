//! C-85 to C-89: what no router carries, and what no router may stop.

mod addresses;
mod broadcasts;
mod headers;
mod must_pass;
