//! Everything that is wrong with one configuration file, each fault with its place in the text, for people (the line
//! with a caret under it) and for programs (JSON). Must never know: what the keys of the file mean.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use std::fmt;

/// Bytes `start..end` of the file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// What kind of fault, for programs: the `code` of the JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file cannot be read, or is no text.
    Unreadable,
    /// Not TOML.
    Syntax,
    /// A key that flowpin does not have.
    UnknownKey,
    /// A key or value that a later version brings.
    NotSupportedYet,
    /// Text where a number belongs, and the like.
    WrongType,
    /// A value that its key cannot take.
    BadValue,
    /// A key or table that has to be there.
    Missing,
    /// Said twice, and only one can be true.
    Duplicate,
    /// Two prefixes or an address and a prefix that must be disjoint.
    Overlap,
    /// A mapping whose inside address is in no inside prefix.
    NotInside,
    /// Two settings that are good alone and contradict each other.
    Conflict,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub code: Code,
    /// Where.
    pub at: Span,
    /// One sentence: what is wrong.
    pub message: String,
    /// One sentence: what to do.
    pub suggestion: String,
    /// The other place that this one contradicts, and a word on it.
    pub other: Option<(Span, &'static str)>,
}

impl Fault {
    /// A fault at one place.
    #[must_use]
    pub fn new(code: Code, at: Span, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), suggestion: suggestion.into(), other: None }
    }

    /// The same with the place that it contradicts.
    #[must_use]
    pub fn against(mut self, other: Span, label: &'static str) -> Self {
        self.other = Some((other, label));
        self
    }
}

/// All faults of one file, in the order of the text. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    name: String,
    text: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    faults: Vec<Fault>,
}

/// A fault as programs read it. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Line of the first character; `None` if there is no text.
    pub line: Option<usize>,
    /// Its column.
    pub column: Option<usize>,
    /// Line of the last character, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<usize>,
    /// The text in question.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub suggestion: String,
    /// What kind of fault.
    pub code: Code,
}

impl Diagnostics {
    /// The faults of the file called `name` that holds `text`.
    #[must_use]
    pub fn new(name: &str, text: &str, mut faults: Vec<Fault>) -> Self {
        for fault in &mut faults {
            fault.at = on_characters(text, fault.at);
            fault.other = fault.other.map(|(span, label)| (on_characters(text, span), label));
        }
        faults.sort_by_key(|fault| fault.at);
        let newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let lines = std::iter::once(0).chain(newlines).collect();
        Self { name: name.to_owned(), text: text.to_owned(), lines, faults }
    }

    /// How many faults there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.faults.len()
    }

    /// The faults as programs read them.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.faults.iter().map(|fault| self.row(fault)).collect()
    }

    /// The rows as a JSON array.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self.rows()).unwrap_or_default()
    }

    fn row(&self, fault: &Fault) -> Row {
        let place = (!self.has_no_place(fault)).then(|| self.position(fault.at.start));
        let end = self.position(fault.at.end.saturating_sub(1).max(fault.at.start)).0;
        Row {
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            end_line: place.and_then(|(line, _)| (end > line).then_some(end)),
            text: self.text.get(fault.at.start..fault.at.end).unwrap_or_default().to_owned(),
            message: fault.message.clone(),
            suggestion: fault.suggestion.clone(),
            code: fault.code,
        }
    }

    /// Line and column, both from 1, of the character at byte `at`.
    fn position(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        (line, self.text.get(start..at).unwrap_or_default().chars().count() + 1)
    }

    /// A file that could not be read has no text to point at.
    fn has_no_place(&self, fault: &Fault) -> bool {
        fault.code == Code::Unreadable && self.text.is_empty()
    }

    /// What a person reads: each fault with its line and a caret, then a line that counts them. One sentence if the
    /// file could not be read.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        if let [only] = self.faults.as_slice()
            && self.has_no_place(only)
        {
            return format!("flowpin: {}; {}", only.message, only.suggestion);
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut page = String::new();
        for fault in &self.faults {
            page.push_str(&self.render_one(&renderer, fault));
            page.push_str("\n\n");
        }
        let plural = if self.count() == 1 { "fault" } else { "faults" };
        page.push_str(&format!("{} {plural} in {}", self.count(), self.name));
        page
    }

    fn render_one(&self, renderer: &Renderer, fault: &Fault) -> String {
        let title = Level::ERROR.primary_title(&fault.message);
        if self.text.is_empty() {
            let origin = annotate_snippets::Origin::path(&self.name);
            return renderer.render(&[title.element(origin).element(Level::HELP.message(&fault.suggestion))]);
        }
        let shown = self.lines_around(fault);
        let first_line = self.position(shown.start).0;
        let here = |span: Span| span.start - shown.start..span.end - shown.start;
        let source = self.text.get(shown.start..shown.end).unwrap_or_default();
        let mut snippet = Snippet::source(source).line_start(first_line).path(&self.name);
        snippet = snippet.annotation(AnnotationKind::Primary.span(here(fault.at)));
        if let Some((span, label)) = fault.other {
            snippet = snippet.annotation(AnnotationKind::Context.span(here(span)).label(label));
        }
        let group: Group<'_> = title.element(snippet).element(Level::HELP.message(&fault.suggestion));
        renderer.render(&[group])
    }

    /// The whole lines from the first to the last place that a fault speaks of.
    fn lines_around(&self, fault: &Fault) -> Span {
        let other = fault.other.map_or(fault.at, |(span, _)| span);
        let (start, end) = (fault.at.start.min(other.start), fault.at.end.max(other.end));
        let from = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = self.text[end..].find('\n').map_or(self.text.len(), |newline| end + newline);
        Span { start: from, end: to }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The span moved onto character boundaries inside the text, so that it may be used to slice it.
fn on_characters(text: &str, span: Span) -> Span {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end).max(start);
    Span { start, end }
}

/// Text of the user in a message: short, in backticks, control characters made visible.
#[must_use]
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown = String::from("`");
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == LONGEST => {
                shown.push('…');
                break;
            }
            character if character.is_control() => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    shown.push('`');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\nö = \"ü\"\n[x]\n";

    fn fault(range: std::ops::Range<usize>) -> Fault {
        Fault::new(Code::BadValue, range.into(), "this is wrong", "write that")
    }

    #[test]
    fn columns_count_characters_from_one() {
        let found = Diagnostics::new("f", TEXT, Vec::new());
        assert_eq!(found.position(0), (1, 1));
        assert_eq!(found.position(6), (2, 1));
        assert_eq!(found.position(TEXT.find('"').unwrap()), (2, 5));
        assert_eq!(found.position(TEXT.len()), (4, 1));
        assert_eq!(Diagnostics::new("f", "", Vec::new()).position(0), (1, 1));
    }

    #[test]
    fn a_fault_shows_its_line_a_caret_and_what_to_do() {
        let at = TEXT.find("\"ü\"").unwrap();
        let found = Diagnostics::new("f.toml", TEXT, vec![fault(at..at + 4)]);
        let expected = "error: this is wrong\n --> f.toml:2:5\n  |\n2 | ö = \"ü\"\n  |     ^^^\n  |\n  = help: write that\n\n1 fault in f.toml";
        assert_eq!(found.to_string(), expected);
    }

    #[test]
    fn rows_come_in_the_order_of_the_text_and_name_the_last_line_of_a_long_one() {
        let rows = Diagnostics::new("f", TEXT, vec![fault(16..19), fault(0..13)]).rows();
        assert_eq!((rows[0].line, rows[0].column, rows[0].end_line), (Some(1), Some(1), Some(2)));
        assert_eq!((rows[1].line, rows[1].column, rows[1].end_line, &*rows[1].text), (Some(3), Some(1), None, "[x]"));
    }

    #[test]
    fn a_span_inside_a_character_or_behind_the_end_harms_nobody() {
        for range in [7..8, 0..999, 998..999] {
            let found = Diagnostics::new("f", TEXT, vec![fault(range)]);
            assert_eq!(found.rows().len(), 1);
            assert!(found.to_string().contains("this is wrong"));
        }
    }

    #[test]
    fn quoted_text_is_short_and_visible() {
        assert_eq!(quote("a\u{1b}\n"), "`a\\u{1b}\\n`");
        assert_eq!(quote(&"x".repeat(100)), format!("`{}…`", "x".repeat(60)));
    }
}
