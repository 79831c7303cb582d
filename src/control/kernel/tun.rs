//! Makes the TUN device ready: size, queue, addresses if configured, up, and otherwise mute.
//! Must never know: who reads and writes it.

use super::plan::Plan;
use super::sysctl;
use crate::control::netlink::{Netlink, sentence};
use ipnet::IpNet;
use rtnetlink::packet_route::address::AddressFlags;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

/// Packets that wait for a worker. The TUN drops silently beyond; at a million packets a second this is 4 ms.
const QUEUE_PACKETS: u32 = 4096;

/// `in6_addr_gen_mode` none: no link-local address of its own (linux/if_link.h).
const GENERATE_NONE: &str = "1";

/// Brings up the TUN with this index. Nothing of it has to be undone: it ends with the device.
pub(super) async fn prepare(netlink: &Netlink, plan: &Plan, index: u32) -> Result<(), String> {
    if sysctl::read("net/ipv6/conf/default/disable_ipv6").is_some() {
        // Before it comes up, or the kernel gives it an address and asks it for routers.
        let settings = [
            ("addr_gen_mode", GENERATE_NONE),
            ("accept_ra", "0"),
            ("router_solicitations", "0"),
            ("disable_ipv6", "0"),
        ];
        for (switch, value) in settings {
            let path = format!("net/ipv6/conf/{}/{switch}", plan.tun);
            sysctl::write(&path, value).map_err(|e| format!("cannot set {path} to {value}: {e}"))?;
        }
    }
    // Without multicast the kernel announces no groups to it.
    let link = LinkMessageBuilder::<LinkUnspec>::default().index(index);
    let link = link.mtu(u32::from(plan.mtu)).txqueuelen(QUEUE_PACKETS).multicast(false).up().build();
    let set = netlink.handle.link().set(link).execute().await;
    set.map_err(|e| format!("cannot bring up \"{}\" with an MTU of {}: {}", plan.tun, plan.mtu, sentence(&e)))?;
    for address in &plan.addresses {
        add_address(netlink, index, *address)
            .await
            .map_err(|e| format!("cannot give \"{}\" the address {address}: {}", plan.tun, sentence(&e)))?;
    }
    Ok(())
}

async fn add_address(netlink: &Netlink, index: u32, address: IpNet) -> Result<(), rtnetlink::Error> {
    let mut request = netlink.handle.address().add(index, address.addr(), address.prefix_len()).replace();
    // Nobody else is on a TUN: an IPv6 address need not wait for duplicate detection.
    let message = request.message_mut();
    message.header.flags |= AddressHeaderFlags::Nodad;
    message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    request.execute().await
}
