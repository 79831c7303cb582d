//! C-60 to C-69: what the host does to a router that reads its links raw. More of them stand with the ports, ARP, VLANs,
//! the kernel's silence and links that change.

mod changes;
mod frames;
mod neighbors;
mod super_frames;
