use super::*;
use crate::plane::packet::Transport;
use crate::plane::packet::sample::{hex, ip};
use crate::plane::parse::parse;

fn quoted(bytes: &[u8]) -> (Headers, Quote) {
    let headers = parse(bytes, &Offload::NONE).unwrap();
    assert_eq!(headers.transport, Transport::Error);
    let quote = quote(bytes, &headers, &Offload::NONE).unwrap();
    (headers, quote)
}

#[test]
fn fragmentation_needed_comes_back_to_the_inside_host_byte_for_byte() {
    let mut bytes = hex(
        "4500003800090000fa0148a12d21fffe6839e2c10304418c00000578450005dc000740003c11c0e76839e2c12d2100079c4001bb05c81234",
    );
    let (mut headers, mut quote) = quoted(&bytes);
    assert_eq!((quote.at, quote.headers.len), (28, 1500));
    assert_eq!(quote.headers.transport, Transport::Udp { source: 40000, destination: 443 });
    let inside = ip("10.250.250.2");
    rewrite_quoted(&mut bytes, &headers, &mut quote, Side::Source, inside, false);
    rewrite::destination(&mut bytes, &mut headers, inside, &Offload::NONE, false);
    rewrite::decrement_ttl(&mut bytes, &headers);
    assert_eq!(
        bytes,
        hex(
            "4500003800090000f9018f9f2d21fffe0afafa020304fb8d00000578450005dc000740003c1106e60afafa022d2100079c4001bb05c85832"
        )
    );
    assert_eq!(quote.headers.source, inside);
}
