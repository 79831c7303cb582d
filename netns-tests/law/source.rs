//! One file of source with its comments and texts taken out, and what the law wants to know of it.
//! Must never know: the law.

use super::outline::is_word;
use std::fs;
use std::path::Path;

/// What tests below the code of their file begin with.
const TESTS: &str = "\n#[cfg(test)]\nmod tests {";

/// A file of source.
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
    /// The text with comments, strings and character literals blanked; lines stay where they are.
    code: String,
}

/// Every `.rs` file below a directory of the repository, sorted by path.
pub fn all_sources(directory: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(directory), &mut paths);
    paths.sort();
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| Source::new(&relative(path), &fs::read_to_string(path).unwrap())).collect()
}

fn collect(directory: &Path, paths: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blanked(text) }
    }

    /// The text with everything blanked that is no code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The first line with that word in code.
    pub fn line_of_word(&self, word: &str) -> Option<usize> {
        let has = |line: &str| line.split(|c| !is_word(c)).any(|found| found == word);
        self.code.lines().position(has).map(|line| line + 1)
    }

    /// Lines that hold code, up to the tests.
    pub fn lines_of_code(&self) -> usize {
        if self.is_tests() {
            return 0;
        }
        let code = self.code.split(TESTS).next().unwrap_or_default();
        code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Its tests as they are written: the whole file, where that holds nothing else.
    pub fn tests(&self) -> &str {
        if self.is_tests() || self.path.starts_with("netns-tests/") {
            return &self.text;
        }
        self.text.split_once(TESTS).map_or("", |(_, tests)| tests)
    }

    /// Whether the file holds tests of a module and nothing else.
    fn is_tests(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// What the file opens with, without the marks, as one line.
    pub fn head(&self) -> String {
        self.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect::<Vec<_>>().join(" ")
    }

    /// How many lines of `//!` the file opens with.
    pub fn opening(&self) -> usize {
        self.text.lines().take_while(|line| line.starts_with("//!")).count()
    }
}

/// The text with everything blanked that is no code.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word_before = code.ends_with(is_word);
        let length = skipped(rest, word_before);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// How many bytes of a comment, string or character literal begin here; 0 if none does.
fn skipped(rest: &str, word_before: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('r') && !word_before {
        return raw(rest);
    }
    if rest.starts_with('\'') { character(rest) } else { 0 }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// A literal up to its closing quote, which a backslash hides.
fn quoted(rest: &str, quote: char) -> usize {
    let mut hidden = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"..."` or `r#"..."#`; 0 for a name that begins with r, or a raw identifier.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    let Some(body) = rest[1 + hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    body.find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len())
}

/// `'x'` or `'\n'`; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => quoted(rest, '\''),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
