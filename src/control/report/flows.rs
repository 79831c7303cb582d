//! The flow list: which flows a question means, how one is shown, and a page of them. Must never know: sockets.

mod cursor;
mod filter;
mod page;
mod row;

pub use filter::{Filter, find_wan};
pub use page::Page;
pub use row::{direction_name, traffic};

#[cfg(test)]
mod tests;
