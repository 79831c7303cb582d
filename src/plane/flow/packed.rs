//! What a flow is bound to, in four bytes of its record. Must never know: records.

use crate::plane::lease::{Binding, Lease, Via};
use crate::types::{MAX_WANS, WanId};
use std::num::NonZeroU16;

/// A binding; what the number of the WAN leaves free says by what the flow leaves it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    wan: u8,
    lease: Lease,
    port: Option<NonZeroU16>,
}

const DIRECT: u8 = 1 << 7;
const _: () = assert!(MAX_WANS <= DIRECT as usize, "the number of a WAN leaves the bit free");

impl From<Binding> for Packed {
    fn from(Binding { wan, lease, port, via }: Binding) -> Self {
        let direct = if via == Via::Direct { DIRECT } else { 0 };
        Self { wan: wan.0 & !DIRECT | direct, lease, port }
    }
}

impl Packed {
    pub(super) fn get(self) -> Binding {
        let via = if self.wan & DIRECT == 0 { Via::Gateway } else { Via::Direct };
        Binding { wan: self.wan(), lease: self.lease, port: self.port, via }
    }

    pub(super) fn wan(self) -> WanId {
        WanId(self.wan & !DIRECT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_four_bytes_and_loses_nothing() {
        assert_eq!(size_of::<Packed>(), 4);
        for (wan, via) in [(0, Via::Gateway), (31, Via::Direct), (31, Via::Gateway), (0, Via::Direct)] {
            let binding = Binding { wan: WanId(wan), lease: Lease(200), port: NonZeroU16::new(61000), via };
            assert_eq!(Packed::from(binding).get(), binding);
            assert_eq!(Packed::from(binding).wan(), WanId(wan));
        }
    }
}
