//! Next hops and owned addresses on the link layer: ARP (RFC 826, 5227) and ND (RFC 4861) as pure frames.

/// The next hops' MACs, shared by the workers.
#[derive(Debug, Default)]
pub struct Neighbors {}

impl Neighbors {
    /// Nothing resolved yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
