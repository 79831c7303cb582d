//! What is heard of nf_tables, byte for byte, and what is concluded from it.

use super::*;
use proptest::prelude::*;

const OURS: u32 = 4711;
const OTHER: u32 = 99;
const DELTABLE: u16 = 2;
const DELRULE: u16 = 8;

fn seen() -> SeenTables {
    SeenTables { table: "flowpin-flowpin0".into(), port: OURS, touched: false }
}

fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(kind: u16, port: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
    let body = attributes.concat();
    let length = u32::try_from(HEADERS + body.len()).unwrap();
    let kind = SUBSYS_NFTABLES << 8 | kind;
    let header = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 2], &[0; 4], &port.to_ne_bytes(), &[1, 0, 0, 0]];
    [header.concat(), body].concat()
}

fn about(kind: u16, port: u32, table: &str) -> Vec<u8> {
    message(kind, port, &[attribute_of(TABLE, format!("{table}\0").as_bytes())])
}

fn generation(pid: u32, name: &str) -> Vec<u8> {
    let parts = [
        attribute_of(1, &[0, 0, 0, 7]),
        attribute_of(GEN_PID, &pid.to_be_bytes()),
        attribute_of(GEN_NAME, format!("{name}\0").as_bytes()),
    ];
    message(NFT_MSG_NEWGEN, 0, &parts)
}

#[test]
fn a_table_that_another_process_deletes_is_told_with_that_process() {
    let datagram =
        [about(DELTABLE, OTHER, "mine"), about(DELTABLE, OTHER, "flowpin-flowpin0"), generation(812, "nft")].concat();
    let culprit = Culprit { name: "nft".into(), pid: 812 };
    assert_eq!(seen().read(&datagram), Some(Some(culprit)));
}

#[test]
fn a_rule_of_ours_that_another_process_deletes_is_told_when_its_transaction_ends() {
    let mut seen = seen();
    assert_eq!(seen.read(&about(DELRULE, OTHER, "flowpin-flowpin0")), None);
    assert_eq!(seen.read(&generation(7, "nft")), Some(Some(Culprit { name: "nft".into(), pid: 7 })));
    assert_eq!(seen.read(&generation(8, "nft")), None, "it was told");
}

#[test]
fn what_flowpin_does_itself_and_what_others_do_to_their_tables_is_not_told() {
    let ours = [about(DELTABLE, OURS, "flowpin-flowpin0"), generation(1, "flowpin")].concat();
    assert_eq!(seen().read(&ours), None);
    let theirs = [about(DELTABLE, OTHER, "flowpin-flowpin01"), generation(2, "nft")].concat();
    assert_eq!(seen().read(&theirs), None);
}

#[test]
fn a_message_that_is_cut_off_may_be_anything() {
    let datagram = about(DELTABLE, OTHER, "mine");
    assert_eq!(seen().read(&datagram[..datagram.len() - 4]), Some(None));
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = seen().read(&bytes);
        let _ = attribute(&bytes, TABLE);
    }
}
