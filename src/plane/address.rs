//! Which address a host has on the other side of a WAN. Must never know: packets.

use super::policy::Wan;
use super::translate::nptv6::Unmappable;
use std::net::IpAddr;

/// The form of an address on the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The address.
    pub address: IpAddr,
    /// Transport checksums stay as they are (RFC 6296 mode).
    pub neutral: bool,
}

/// The public address of an inside host on `wan`. A host map beats the prefix map, also for whom it takes an address from:
/// whose prefix form is the external host of another has none here, or the answers would go to that other.
///
/// # Errors
/// The WAN has no mapping for it, or none is possible.
pub fn public(wan: &Wan, inside: IpAddr) -> Result<Mapped, Unmappable> {
    let inside = match inside {
        IpAddr::V4(inside) => {
            let address = wan.nat44.public_of(inside).ok_or(Unmappable::NotOurs)?;
            return Ok(Mapped { address: address.into(), neutral: false });
        }
        IpAddr::V6(inside) => inside,
    };
    if let Some((outside, _)) = wan.inbound6.iter().find(|(_, host)| *host == inside) {
        return Ok(Mapped { address: (*outside).into(), neutral: false });
    }
    let translator = wan.nptv6.as_ref().ok_or(Unmappable::NotOurs)?;
    let public = translator.outbound(inside)?;
    if wan.inbound6.iter().any(|(outside, _)| *outside == public) {
        return Err(Unmappable::NotOurs);
    }
    Ok(Mapped { address: public.into(), neutral: translator.is_neutral() })
}

/// The inside host behind a public address of `wan`. A host map beats the prefix map.
///
/// # Errors
/// The address is not owned, or no inside address is possible.
pub fn inside(wan: &Wan, public: IpAddr) -> Result<Mapped, Unmappable> {
    let public = match public {
        IpAddr::V4(public) => {
            let address = wan.nat44.inside_of(public).ok_or(Unmappable::NotOurs)?;
            return Ok(Mapped { address: address.into(), neutral: false });
        }
        IpAddr::V6(public) => public,
    };
    if let Some((_, host)) = wan.inbound6.iter().find(|(outside, _)| *outside == public) {
        return Ok(Mapped { address: (*host).into(), neutral: false });
    }
    let translator = wan.nptv6.as_ref().ok_or(Unmappable::NotOurs)?;
    Ok(Mapped { address: translator.inbound(public)?.into(), neutral: translator.is_neutral() })
}
