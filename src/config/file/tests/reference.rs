//! `config/flowpin.toml` keeps its word: it names every key that the reader knows, and shows the defaults.

use super::{faults, parse};

const REFERENCE: &str = include_str!("../../../../config/flowpin.toml");

/// Where a key that nobody has is put in, by the text in front of it, so that the reader tells which keys it knows there.
const PLACES: [&str; 14] = [
    "# flowpin.toml,",
    "\n[downstream] ",
    "\n[[wan]] ",
    "\n[wan.masquerade] ",
    "\n[wan.nptv6] ",
    "\n[wan.health] ",
    "\nprobes = [ ",
    "\n[default]\n",
    "\n[hooks]\n",
    "\n[limits]\n",
    "\n[timeouts] ",
    "\n[workers]\n",
    "\n[control]\n",
    "\n[log] ",
];

/// The keys that the reader knows behind that text, as it tells whoever writes another one.
fn known(place: &str) -> Vec<String> {
    let at = REFERENCE.find(place).unwrap_or_else(|| panic!("{place}")) + place.trim_end().len();
    let line = at + REFERENCE[at..].find('\n').expect("a line");
    let strange = if place.contains("probes") { "{ zzzzzzzzzz = 0 }," } else { "zzzzzzzzzz = 0" };
    let told = faults(&format!("{}\n{strange}{}", &REFERENCE[..line], &REFERENCE[line..])).join("\n");
    let (_, keys) = told.split_once("the keys here are: ").unwrap_or_else(|| panic!("{place}: {told}"));
    keys.lines().next().unwrap_or_default().split(", ").map(str::to_owned).collect()
}

/// Whether a line of the reference says it, be it behind a `#`; or a header does, or the text beside another key.
fn is_named(key: &str) -> bool {
    let [said, table, told] = [format!(" {key} = "), format!("{key}]"), format!("`{key}`")];
    let says = |line: &str| format!(" {line}").contains(&said) || line.starts_with('[') && line.contains(&table);
    REFERENCE.contains(&told) || REFERENCE.lines().any(says)
}

#[test]
fn the_reference_names_every_key() {
    let of_place = |place: &'static str| known(place).into_iter().map(move |key| (key, place.trim()));
    let keys: Vec<_> = PLACES.into_iter().flat_map(of_place).collect();
    assert!(keys.len() > 50, "{keys:?}");
    let lost: Vec<_> = keys.iter().filter(|(key, _)| !is_named(key)).collect();
    assert!(lost.is_empty(), "config/flowpin.toml lacks these, each with its place: {lost:?}");
}

#[test]
fn what_the_reference_says_of_the_sections_behind_the_wans_is_the_default() {
    let (before, _) = REFERENCE.split_once("\n[default]\n").expect("[default]");
    let [said, left_out] = [REFERENCE, before].map(|text| parse(text, "f").expect("a good file"));
    assert_eq!(said, left_out);
}
