//! Reads TOML tables key by key and collects every fault with its place. A value that was wrong reads as `None`, so
//! that reading goes on behind it. Must never know: what a key means, or any key by name.

use crate::config::diagnostics::{Code, Fault, Span, quote};
use crate::config::nearest::nearest;
use std::ops::RangeInclusive;
use toml::de::{DeTable, DeValue};

/// A value that the file says, understood, and where it says it. The parser's own, of a value as it is written, is always
/// written `toml::Spanned`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) at: Span,
}

/// Why a text is not what its key takes: what is wrong, and what to write.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) suggestion: String,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { message: message.into(), suggestion: suggestion.into() }
    }
}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) found: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, code: Code, at: Span, message: impl Into<String>, suggestion: impl Into<String>) {
        self.found.push(Fault::new(code, at, message, suggestion));
    }
}

/// A table being read. Every key must be taken or refused by the time it is finished.
pub(super) struct Table<'d> {
    /// Where it begins, usually its header.
    pub(super) at: Span,
    title: String,
    entries: &'d DeTable<'d>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// `title` is how messages call it, such as `[wan.nptv6]`.
    pub(super) fn new(title: impl Into<String>, at: Span, entries: &'d DeTable<'d>) -> Self {
        Self { at, title: title.into(), entries, known: Vec::new() }
    }

    /// The value of a key, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Item<'d>> {
        self.known.push(key);
        let (said, value) = self.entries.get_key_value(key)?;
        Some(Item {
            key,
            key_at: said.span().into(),
            at: value.span().into(),
            value: value.get_ref(),
            is_one_of_many: false,
        })
    }

    /// The value of a key that has to be there.
    pub(super) fn require(&mut self, key: &'static str, example: &str, faults: &mut Faults) -> Option<Item<'d>> {
        let item = self.take(key);
        if item.is_none() {
            let message = format!("{} has no `{key}`", self.title);
            faults.add(Code::Missing, self.at, message, format!("add `{key} = {example}`"));
        }
        item
    }

    /// Refuses keys that a later version brings, `what` being what they are for.
    pub(super) fn refuse(&mut self, keys: &[&'static str], faults: &mut Faults) {
        for key in keys {
            if let Some(item) = self.take(key) {
                faults.add(Code::NotSupportedYet, item.key_at, not_supported(&quote(key)), format!("remove `{key}`"));
            }
            // A later key is no suggestion for a misspelt one.
            self.known.pop();
        }
    }

    /// All entries with their keys as text, for tables whose keys are addresses. Takes them all.
    pub(super) fn entries(&self) -> Vec<(Spanned<&'d str>, Item<'d>)> {
        let mut entries: Vec<_> = self.entries.iter().map(entry).collect();
        entries.sort_by_key(|(key, _)| key.at);
        entries
    }

    /// Reports what nobody took. `later` are the keys that were refused already.
    pub(super) fn finish(self, later: &[&str], faults: &mut Faults) {
        for (key, _) in self.entries() {
            if self.known.contains(&key.value) || later.contains(&key.value) {
                continue;
            }
            let message = format!("{} has no key {}", self.title, quote(key.value));
            let suggestion = match nearest(key.value, self.known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("remove it; the keys here are: {}", self.known.join(", ")),
            };
            faults.add(Code::UnknownKey, key.at, message, suggestion);
        }
    }
}

/// The sentence for what a later version brings.
pub(super) fn not_supported(what: &str) -> String {
    format!("{what} is not supported yet")
}

fn entry<'d>(
    (key, value): (&'d toml::Spanned<std::borrow::Cow<'d, str>>, &'d toml::Spanned<DeValue<'d>>),
) -> (Spanned<&'d str>, Item<'d>) {
    let at: Span = key.span().into();
    let item = Item { key: "", key_at: at, at: value.span().into(), value: value.get_ref(), is_one_of_many: false };
    (Spanned { value: key.get_ref(), at }, item)
}

/// A value with its key.
#[derive(Clone, Copy)]
pub(super) struct Item<'d> {
    /// Empty if the key is not a fixed word.
    pub(super) key: &'static str,
    pub(super) key_at: Span,
    pub(super) at: Span,
    pub(super) value: &'d DeValue<'d>,
    /// Whether it stands in a list.
    is_one_of_many: bool,
}

impl<'d> Item<'d> {
    /// Any text.
    pub(super) fn text(&self, faults: &mut Faults) -> Option<Spanned<&'d str>> {
        match self.value {
            DeValue::String(text) => Some(Spanned { value: text, at: self.at }),
            DeValue::Integer(number) => self.wrong_type("text", &format!("write \"{}\"", number.as_str()), faults),
            _ => self.wrong_type("text", "put it in quotes", faults),
        }
    }

    /// A text that `meaning` understands.
    pub(super) fn parse<T>(
        &self,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
        faults: &mut Faults,
    ) -> Option<Spanned<T>> {
        let text = self.text(faults)?;
        match meaning(text.value) {
            Ok(value) => Some(Spanned { value, at: self.at }),
            Err(wrong) => {
                faults.add(Code::BadValue, self.at, wrong.message, wrong.suggestion);
                None
            }
        }
    }

    /// A whole number in a range.
    pub(super) fn number(&self, range: RangeInclusive<u64>, faults: &mut Faults) -> Option<Spanned<u64>> {
        self.number_or("a number", range, faults)
    }

    /// A whole number of 16 bits in a range.
    pub(super) fn number16(&self, range: RangeInclusive<u16>, faults: &mut Faults) -> Option<Spanned<u16>> {
        let number = self.number(u64::from(*range.start())..=u64::from(*range.end()), faults)?;
        u16::try_from(number.value).ok().map(|value| Spanned { value, at: number.at })
    }

    /// A whole number in a range, `what` being the words for all that the key takes.
    pub(super) fn number_or(
        &self,
        what: &str,
        range: RangeInclusive<u64>,
        faults: &mut Faults,
    ) -> Option<Spanned<u64>> {
        let DeValue::Integer(said) = self.value else {
            let meant =
                matches!(self.value, DeValue::String(text) if text.parse().is_ok_and(|number| range.contains(&number)));
            let suggestion = if meant {
                "write it without quotes".to_owned()
            } else {
                format!("write {what} from {} to {}", range.start(), range.end())
            };
            return self.wrong_type("a number", &suggestion, faults);
        };
        match u64::from_str_radix(said.as_str(), said.radix()) {
            Ok(value) if range.contains(&value) => Some(Spanned { value, at: self.at }),
            _ => {
                let message = format!("{} cannot be {}", self.name(), quote(&said.to_string()));
                let suggestion = format!("write {what} from {} to {}", range.start(), range.end());
                faults.add(Code::BadValue, self.at, message, suggestion);
                None
            }
        }
    }

    /// Yes or no.
    pub(super) fn truth(&self, faults: &mut Faults) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong_type("true or false", "write true or false without quotes", faults),
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.text(faults)?.value;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let suggestion = match nearest(text, words.iter().map(|(word, _)| *word)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("write {}", alternatives(words.iter().map(|(word, _)| *word))),
        };
        faults.add(Code::BadValue, self.at, format!("{} cannot be {}", self.name(), quote(text)), suggestion);
        None
    }

    /// Whether it is that text.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.value, DeValue::String(text) if text == word)
    }

    /// The texts of a list that `meaning` understands, and whether it understands all of them.
    pub(super) fn parse_list<T>(
        &self,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
        faults: &mut Faults,
    ) -> (Vec<Spanned<T>>, bool) {
        let Some(items) = self.list(faults) else { return (Vec::new(), false) };
        let values: Vec<_> = items.iter().filter_map(|item| item.parse(&meaning, faults)).collect();
        let complete = values.len() == items.len();
        (values, complete)
    }

    /// The values of a list.
    pub(super) fn list(&self, faults: &mut Faults) -> Option<Vec<Item<'d>>> {
        let DeValue::Array(values) = self.value else {
            return self.wrong_type("a list", "put it in brackets: [...]", faults);
        };
        let item = |value: &'d toml::Spanned<DeValue<'d>>| Item {
            at: value.span().into(),
            value: value.get_ref(),
            is_one_of_many: true,
            ..*self
        };
        Some(values.iter().map(item).collect())
    }

    /// A table.
    pub(super) fn table(&self, title: &str, faults: &mut Faults) -> Option<Table<'d>> {
        match self.value {
            DeValue::Table(entries) => Some(Table::new(title, self.at, entries)),
            _ => self.wrong_type("a table", &format!("write it as {title} with its keys below"), faults),
        }
    }

    /// Reports a value of another type than its key takes.
    pub(super) fn wrong_type<T>(&self, expected: &str, suggestion: &str, faults: &mut Faults) -> Option<T> {
        let takes = if self.is_one_of_many { "is a list of" } else { "takes" };
        let message = format!("{} {takes} {expected}, this is {}", self.name(), kind(self.value));
        faults.add(Code::WrongType, self.at, message, suggestion);
        None
    }

    fn name(&self) -> String {
        if self.key.is_empty() { "a mapping".to_owned() } else { format!("`{}`", self.key) }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// `"a", "b" or "c"`.
fn alternatives<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    let last = quoted.pop().unwrap_or_default();
    if quoted.is_empty() { last } else { format!("{} or {last}", quoted.join(", ")) }
}
