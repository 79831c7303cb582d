//! One claim of the lab's summary, with how it was found. Must never know: which claims there are.

use serde::Serialize;

/// A claim and whether it held.
#[derive(Debug, Serialize)]
pub struct Check {
    /// A sentence.
    pub claim: String,
    /// Whether it held.
    pub ok: bool,
    /// What was seen; may be empty.
    pub detail: String,
}

/// A claim with what was seen of it.
pub fn check(claim: &str, ok: bool, detail: impl FnOnce() -> String) -> Check {
    Check { claim: claim.to_owned(), ok, detail: detail() }
}
