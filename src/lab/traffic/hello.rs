//! The first bytes of every connection and datagram: who the sender is before translation, so that the other end can
//! tell which address it should see. Must never know: sockets.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Bytes of a hello.
pub const LENGTH: usize = 26;
const MAGIC: [u8; 8] = *b"flowpin\n";

/// The hello of a sender whose own socket has this address.
pub fn write(sender: SocketAddr) -> [u8; LENGTH] {
    let address = match sender.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..24].copy_from_slice(&address.octets());
    bytes[24..].copy_from_slice(&sender.port().to_be_bytes());
    bytes
}

/// The sender that a hello names.
pub fn read(bytes: &[u8]) -> Option<SocketAddr> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let port = u16::from_be_bytes(*rest.first_chunk::<2>()?);
    (*magic == MAGIC).then(|| SocketAddr::new(Ipv6Addr::from(*address).to_canonical(), port))
}

/// A payload of `length` bytes behind a hello; no two neighbouring words are alike, so a byte that moved is seen.
pub fn payload(sender: SocketAddr, length: usize) -> Vec<u8> {
    let mut bytes = write(sender).to_vec();
    bytes.extend((LENGTH..length).map(|i| (i ^ (i >> 8)) as u8));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_names_its_sender() {
        for sender in ["10.250.250.3:40000", "[fd00:bad:b01:1::100]:53"] {
            let sender: SocketAddr = sender.parse().unwrap();
            assert_eq!(read(&write(sender)), Some(sender));
            assert_eq!(read(&payload(sender, 1001)), Some(sender));
            assert_eq!(payload(sender, 1001).len(), 1001);
        }
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: example.com"), None);
        assert_eq!(read(&[]), None);
    }
}
