//! The numbered rules by section; a test whose name begins with `c_30_` shows rule C-30. Must never know: the tests.

/// A section: its letter and name, its first and last rule.
pub struct Section {
    pub title: &'static str,
    pub first: u8,
    pub last: u8,
}

const fn section(title: &'static str, first: u8, last: u8) -> Section {
    Section { title, first, last }
}

pub const SECTIONS: &[Section] = &[
    section("A. NAT44: mapping, filtering, hairpin", 1, 17),
    section("B. TCP state", 20, 29),
    section("C. ICMPv4", 30, 39),
    section("D. NPTv6", 40, 49),
    section("E. MTU", 50, 59),
    section("F. Host traps", 60, 69),
    section("G. Fragments", 70, 77),
    section("H. Checksums", 80, 84),
    section("I. Sanity, martians, spoofing", 85, 89),
];

/// Rules whose tests are still being written.
pub const NOT_YET: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,
    34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
    63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89,
];

/// `C-05`.
pub fn name(rule: u8) -> String {
    format!("C-{rule:02}")
}

/// How the names of its tests begin.
pub fn prefix(rule: u8) -> String {
    format!("c_{rule:02}_")
}
