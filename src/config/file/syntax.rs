//! Text to TOML document, and what is wrong with its grammar. A bad value alone does not hide the faults behind it; a
//! broken structure does, for then nothing that follows can be trusted. Must never know: any key by name.

use super::reader::Faults;
use crate::config::diagnostics::{Code, Fault, Span, quote};
use toml::de::{DeTable, DeValue};

/// The parser's words for a key that is there already.
const GIVEN_TWICE: &str = "duplicate key";

/// The document, if its structure can be trusted. Faults of its grammar are added, one per line at most.
pub(super) fn document<'t>(text: &'t str, faults: &mut Faults) -> Option<toml::Spanned<DeTable<'t>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let errors: Vec<_> =
        errors.iter().map(|error| (Span::from(error.span().unwrap_or_default()), error.message())).collect();
    let is_break = |(at, message): &&(Span, &str)| !is_bad_word(document.get_ref(), *at) && *message != GIVEN_TWICE;
    let broken_from = errors.iter().filter(is_break).map(|(at, _)| *at).min();
    let mut intact = true;
    for (at, message) in errors {
        intact &= is_bad_word(document.get_ref(), at) || is_key_given_twice(text, at, message);
        // Behind a lost header keys land in the wrong table: that they are there twice is an echo.
        if message != GIVEN_TWICE || broken_from.is_none_or(|from| at < from) {
            faults.found.push(fault(text, at, message));
        }
    }
    faults.found.sort_by_key(|fault| fault.at);
    faults.found.dedup_by_key(|fault| line_of(text, fault.at));
    intact.then_some(document)
}

/// Faults on a line whose grammar is broken already are its echoes.
pub(super) fn without_echoes(text: &str, faults: Vec<Fault>) -> Vec<Fault> {
    let is_syntax = |fault: &&Fault| fault.code == Code::Syntax;
    let broken: Vec<_> = faults.iter().filter(is_syntax).map(|fault| line_of(text, fault.at)).collect();
    let keep = |fault: &Fault| is_syntax(&fault) || !broken.contains(&line_of(text, fault.at));
    faults.into_iter().filter(keep).collect()
}

/// The byte at which the line of a place begins.
fn line_of(text: &str, at: Span) -> usize {
    text.get(..at.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Whether the place lies in a single key or value. Either leaves the structure as it is.
fn is_bad_word(table: &DeTable<'_>, at: Span) -> bool {
    let encloses = |key: std::ops::Range<usize>| key.start <= at.start && at.end <= key.end;
    at.start < at.end && table.iter().any(|(key, value)| encloses(key.span()) || holds(value, at))
}

/// Whether the place lies in a single value. The parser bounds the depth of tables and lists.
fn holds(value: &toml::Spanned<DeValue<'_>>, at: Span) -> bool {
    match value.get_ref() {
        DeValue::Table(table) => is_bad_word(table, at),
        DeValue::Array(values) => values.iter().any(|value| holds(value, at)),
        _ => value.span().start <= at.start && at.end <= value.span().end,
    }
}

/// A key twice in a table leaves the rest intact; a header twice does not.
fn is_key_given_twice(text: &str, at: Span, message: &str) -> bool {
    message == GIVEN_TWICE && !is_header(text, at)
}

fn is_header(text: &str, at: Span) -> bool {
    text[line_of(text, at)..].trim_start().starts_with('[')
}

fn fault(text: &str, at: Span, message: &str) -> Fault {
    let at = place(text, at);
    let said = text.get(at.start..at.end).unwrap_or_default();
    let (message, suggestion) = match message {
        GIVEN_TWICE if is_header(text, at) => {
            ("this table is given twice".to_owned(), "put the keys of both below one header".to_owned())
        }
        GIVEN_TWICE => ("this key is given twice".to_owned(), "keep one of the two".to_owned()),
        _ if message.starts_with("string values must be quoted") => {
            ("text needs quotes".to_owned(), format!("write \"{said}\""))
        }
        _ if message.starts_with("key with no value") => {
            ("this key has no value".to_owned(), "write it as `key = value`; addresses as keys need quotes".to_owned())
        }
        _ if message.starts_with("invalid unquoted key") => {
            let key = key_on_line(text, at);
            (format!("the key {} needs quotes", quote(key)), format!("write \"{key}\""))
        }
        _ => (
            format!("this is not TOML: {message}"),
            "TOML is `key = value` below [table] or [[list of tables]], with text in quotes".to_owned(),
        ),
    };
    Fault::new(Code::Syntax, at, message, suggestion)
}

/// What stands before the `=` of a line that ought to be a key and its value.
fn key_on_line(text: &str, at: Span) -> &str {
    let line = text[line_of(text, at)..].lines().next().unwrap_or_default();
    line.split('=').next().unwrap_or_default().trim()
}

/// A place with something to point at: what is missing is shown at the end of what is there.
fn place(text: &str, at: Span) -> Span {
    let start = text.floor_char_boundary(at.start.min(text.len()));
    if at.start < at.end || start == 0 {
        return at;
    }
    let before = text[..start].trim_end();
    let last = before.chars().next_back().map_or(0, char::len_utf8);
    if before.len() < line_of(text, at) { at } else { Span { start: before.len() - last, end: before.len() } }
}
