//! The addresses of a WAN's link, and which of them were chosen. Must never know: sockets.

use crate::api::Source;
use crate::config::settings;
use crate::plane::policy::source::{self, Choice};
use crate::plane::policy::{self};
use crate::types::{Family, LinkAddress};
use std::net::IpAddr;

/// The kernel's: IPv4 with its prefix length, then IPv6.
pub fn of_link(wan: &policy::Wan) -> Vec<String> {
    let text = |own: &LinkAddress| if own.address.is_ipv4() { own.to_string() } else { own.address.to_string() };
    let of = |family| wan.link.addresses.iter().filter(move |own| Family::of(own.address) == family);
    Family::ALL.into_iter().flat_map(of).map(text).collect()
}

/// What was chosen: the public one, if the settings leave that to the link, then the router's own in each family that the
/// WAN carries.
pub fn sources(said: &settings::Wan, wan: &policy::Wan, public: Option<Choice>) -> Vec<Source> {
    let public = public.map(|choice| source(said, wan, "public", choice));
    let far = Family::ALL.into_iter().filter(|family| said.carries(*family));
    let far = far.filter_map(|family| source::far(wan, family)).map(|choice| source(said, wan, "router", choice));
    public.into_iter().chain(far).collect()
}

fn source(said: &settings::Wan, wan: &policy::Wan, purpose: &str, Choice { address, why }: Choice) -> Source {
    let family = Family::of(address);
    let is_lost = |wanted: &IpAddr| !source::has(wan, *wanted);
    let lost = said.sources[family.index()].filter(is_lost);
    let reason = lost.map_or_else(|| why.to_owned(), |lost| format!("{why}; {lost}, which is set, is not here"));
    Source { family: family.to_string(), purpose: purpose.to_owned(), address, reason }
}
