//! No text makes the reader panic, and every fault points into the text.

use super::{TWO, parse};
use crate::config::diagnostics::Diagnostics;
use proptest::prelude::*;

/// Renders both forms, and checks that each fault says something, somewhere inside the text.
fn is_sound(text: &str, found: &Diagnostics) {
    assert!(found.count() > 0);
    assert!(!found.render(true).is_empty() && !found.render(false).is_empty());
    let (lines, shown) = (text.matches('\n').count() + 1, found.render(false));
    for row in found.rows() {
        let (line, column) = (row.line.unwrap(), row.column.unwrap());
        assert!((1..=lines).contains(&line) && column >= 1, "{line}:{column} of {lines} lines");
        let place = format!("f.toml:{line}:{column}\n");
        assert!(shown.contains(&place) || text.is_empty(), "{place} is not in {shown}");
        assert!(text.contains(&row.text) && !row.message.is_empty() && !row.suggestion.is_empty(), "{row:?}");
    }
}

fn survives(text: &str) {
    if let Err(found) = parse(text, "f.toml") {
        // Places count without the mark that some editors put in front.
        is_sound(text.strip_prefix('\u{feff}').unwrap_or(text), &found);
    }
}

/// Words that the reader knows, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "[downstream]\n",
        "[[wan]]\n",
        "[wan]\n",
        "[wan.nat44]\n",
        "[wan.nptv6]\n",
        "[wan.inbound6]\n",
        "[wan.health]\n",
        "probes = ",
        "{ http = ",
        "\"http://[::1/\"",
        "\"9ms\"",
        "[limits]\n",
        "[[policy]]\n",
        "prefixes = ",
        "interface = ",
        "name = ",
        "mtu = ",
        "inside = ",
        "outside = ",
        "weight = ",
        "martians = ",
        "\"10.0.0.2\" = ",
        "\"fd00::1\" = ",
        "\"10.0.0.0/8\"",
        "\"fd00::/60\"",
        "\"2001:db8::1\"",
        "\"auto\"",
        "0",
        "1500",
        "-1",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\n",
        "\"é\u{301}\"",
        "\t",
        "true",
        "1.5",
        "1979-05-27",
        "'''",
        "\"\"\"",
        "\u{0}",
        "# x\n",
        ".",
        "=",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|(?s).{0,200}") {
        survives(&text);
    }

    #[test]
    fn no_mixture_of_its_own_words_makes_it_panic(text in soup()) {
        survives(&text);
    }

    #[test]
    fn no_change_of_a_good_file_makes_it_panic(at in 0..TWO.len(), cut in 0..40usize, with in "(?s).{0,8}|[\\[\\]={}.\",'0-9:/\n]{0,6}") {
        let end = (at + cut).min(TWO.len());
        survives(&format!("{}{with}{}", &TWO[..at], &TWO[end..]));
    }

    #[test]
    fn every_fault_of_a_file_with_one_word_changed_is_near_the_change(line in 1..24usize) {
        let lines: Vec<&str> = TWO.lines().collect();
        let broken: Vec<String> = lines.iter().enumerate()
            .map(|(index, text)| if index == line { text.replace(" = ", " = 0x") } else { (*text).to_owned() }).collect();
        let text = broken.join("\n");
        if text != lines.join("\n") {
            let found = parse(&text, "f.toml").unwrap_err();
            prop_assert_eq!(found.rows()[0].line, Some(line + 1), "{}", found);
        }
    }
}

#[test]
fn depth_and_length_do_not_break_it() {
    for text in [
        "a.".repeat(50_000) + "b = 1",
        "[".repeat(50_000),
        "x = ".to_owned() + &"[".repeat(50_000),
        "\n".repeat(100_000),
    ] {
        survives(&text);
    }
    let huge = parse(&" ".repeat(2 << 20), "f.toml").unwrap_err();
    assert_eq!(huge.rows()[0].line, None);
}

#[test]
fn a_file_that_holds_nothing_but_a_byte_order_mark_is_empty() {
    survives("\u{feff}");
}
