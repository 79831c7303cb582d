//! Links, addresses and routes of the namespace that the calling thread is in, one blocking call each.
//! Speaks rtnetlink, so nothing needs to be installed. Must never know: what the network is for.

use super::fault::fault;
use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::link::{InfoData, InfoVeth};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use tokio::runtime::Runtime;

/// One end of a veth pair.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Link name.
    pub name: &'a str,
    /// Link address.
    pub mac: [u8; 6],
}

/// A netlink socket in the namespace of the thread that opened it, with the runtime that drives it.
pub struct Wire {
    runtime: Runtime,
    handle: Handle,
}

impl Wire {
    /// Opens a socket in the calling thread's namespace.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let handle = runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection()?;
            tokio::spawn(connection);
            io::Result::Ok(handle)
        })?;
        Ok(Self { runtime, handle })
    }

    /// Makes a veth pair: `near` here, `far` in another namespace. `mtu` in bytes.
    ///
    /// # Errors
    /// The kernel refuses, e.g. because the name is taken.
    pub fn veth(&self, near: End<'_>, far: End<'_>, namespace: &File, mtu: u32) -> io::Result<()> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(far.name)
            .address(far.mac.to_vec())
            .mtu(mtu)
            .setns_by_fd(namespace.as_raw_fd())
            .build();
        let pair = LinkVeth::new(near.name, far.name)
            .address(near.mac.to_vec())
            .mtu(mtu)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        let done = self.runtime.block_on(self.handle.link().add(pair).execute());
        done.map_err(error).map_err(fault(format_args!("cannot make the link {}", near.name)))
    }

    /// Sets a link up.
    ///
    /// # Errors
    /// No such link.
    pub fn up(&self, link: &str) -> io::Result<()> {
        let message = LinkUnspec::new_with_index(self.index(link)?).up().build();
        let done = self.runtime.block_on(self.handle.link().change(message).execute());
        done.map_err(error).map_err(fault(format_args!("cannot set {link} up")))
    }

    /// Sets a link down.
    ///
    /// # Errors
    /// No such link.
    pub fn down(&self, link: &str) -> io::Result<()> {
        let message = LinkUnspec::new_with_index(self.index(link)?).down().build();
        let done = self.runtime.block_on(self.handle.link().change(message).execute());
        done.map_err(error).map_err(fault(format_args!("cannot set {link} down")))
    }

    /// Adds an address with its prefix length, unless it is there. It is usable at once: an IPv6 one is not looked for
    /// elsewhere first.
    ///
    /// # Errors
    /// No such link.
    pub fn address(&self, link: &str, address: IpNet) -> io::Result<()> {
        let mut request = self.handle.address().add(self.index(link)?, address.addr(), address.prefix_len()).replace();
        if address.addr().is_ipv6() {
            request.message_mut().attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        let done = self.runtime.block_on(request.execute());
        done.map_err(error).map_err(fault(format_args!("cannot add {address} to {link}")))
    }

    /// Adds a route, or puts it in the place of the one to there; `source` is the address that own packets on it carry
    /// unless they chose one.
    ///
    /// # Errors
    /// The gateway cannot be reached on that link.
    pub fn route(&self, to: IpNet, via: IpAddr, link: &str, source: Option<IpAddr>) -> io::Result<()> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, format!("{error:?}"));
        let mut route = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(to.addr(), to.prefix_len())
            .and_then(|route| route.gateway(via))
            .map_err(invalid)?
            .output_interface(self.index(link)?);
        if let Some(source) = source {
            route = route.pref_source(source).map_err(invalid)?;
        }
        let done = self.runtime.block_on(self.handle.route().add(route.build()).replace().execute());
        done.map_err(error).map_err(fault(format_args!("cannot route {to} via {via} on {link}")))
    }

    /// The index of a link.
    ///
    /// # Errors
    /// No such link.
    pub fn index(&self, link: &str) -> io::Result<u32> {
        let mut links = self.handle.link().get().match_name(link.to_owned()).execute();
        let found = self.runtime.block_on(links.try_next()).map_err(error);
        let found = found.map_err(fault(format_args!("cannot find the link {link}")))?;
        found.map(|link| link.header.index).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, link.to_owned()))
    }
}

/// Writes a kernel setting of the calling thread's namespace, e.g. `net/ipv4/ip_forward`.
///
/// # Errors
/// No such setting, or it may not be written.
pub fn set(setting: &str, value: &str) -> io::Result<()> {
    fs::write(format!("/proc/sys/{setting}"), value).map_err(fault(format_args!("cannot set {setting} to {value}")))
}

fn error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other.to_string()),
    }
}
