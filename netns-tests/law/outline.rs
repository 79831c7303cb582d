//! What one file's code declares and names: modules, `use` declarations with their groups, renames and re-exports, and
//! the paths inside of code. Reads names only; which file a path leads to is `modules`.
//! Must never know: modules, circles.

use std::collections::HashSet;

/// A file's own view of the crate. A module is written from the crate's root: `plane::flow`, the root itself is "".
#[derive(Debug, Default)]
pub struct Outline {
    /// Modules that are declared here, inline ones too.
    pub declared: Vec<Declared>,
    pub uses: Vec<Use>,
    pub paths: Vec<Named>,
    /// Types, constants and functions that code names which is no test, but for what stands behind `::` or a dot or in a
    /// `use`.
    pub words: HashSet<String>,
    /// Whether `#[test]` stands in it outside of an inline module: tests are what it is for.
    pub has_claims: bool,
}

/// `mod name;` or `mod name { ... }`.
#[derive(Debug, PartialEq, Eq)]
pub struct Declared {
    pub module: String,
    pub is_inline: bool,
    pub is_test: bool,
}

/// One name that a `use` brings in.
#[derive(Debug)]
pub struct Use {
    /// What is named, and where.
    pub named: Named,
    /// The name that it has from here on, `*` for all of them.
    pub name: String,
    /// Whether others may take it from here: `pub use`, `pub(crate) use`, `pub(super) use`.
    pub is_reexport: bool,
}

/// A path of names, as it is written.
#[derive(Debug)]
pub struct Named {
    pub line: usize,
    /// The module that the path stands in.
    pub module: String,
    pub path: Vec<String>,
    pub is_test: bool,
}

/// A module inside of another.
pub fn below(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The module around a module; the root is around itself.
pub fn around(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(around, _)| around)
}

/// Reads the code of the file that is `module`. Comments and texts are blanked already.
pub fn outline(module: &str, code: &str) -> Outline {
    let tokens = tokens(code);
    let tests = tests(&tokens);
    let mut reader =
        Reader { tokens, tests, at: 0, inside: vec![(module.to_owned(), 0)], depth: 0, seen: Outline::default() };
    while reader.at < reader.tokens.len() {
        reader.step();
    }
    reader.seen
}

struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Names, `::` and single signs.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut line, mut rest) = (Vec::new(), 1, code);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let length = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if first == '\n' {
            line += 1;
        }
        if !first.is_whitespace() {
            tokens.push(Token { text: &rest[..length], line });
        }
        rest = &rest[length..];
    }
    tokens
}

pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Which tokens belong to an item behind `#[cfg(test)]`.
fn tests(tokens: &[Token]) -> Vec<bool> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut tests = vec![false; tokens.len()];
    for at in 0..tokens.len() {
        let is_attribute = tokens[at..].iter().map(|token| token.text).take(ATTRIBUTE.len()).eq(ATTRIBUTE);
        if is_attribute && !tests[at] {
            tests[at..item_end(tokens, at + ATTRIBUTE.len())].fill(true);
        }
    }
    tests
}

/// Behind the `;` or the closing brace of the item that begins here, with its other attributes.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0usize;
    for at in from..tokens.len() {
        match tokens[at].text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ends = match tokens[at].text {
            ";" => true,
            "}" => tokens.get(at + 1).is_none_or(|next| next.text != ";"),
            _ => false,
        };
        if depth == 0 && ends {
            return at + 1;
        }
    }
    tokens.len()
}

struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    tests: Vec<bool>,
    at: usize,
    /// The modules that are open here, each with the depth of braces it stands in.
    inside: Vec<(String, usize)>,
    depth: usize,
    seen: Outline,
}

impl<'a> Reader<'a> {
    fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn text_before(&self) -> &'a str {
        self.at.checked_sub(1).map_or("", |before| self.tokens[before].text)
    }

    fn module(&self) -> String {
        self.inside.last().map(|(module, _)| module.clone()).unwrap_or_default()
    }

    fn named(&self, path: Vec<String>) -> Named {
        Named { line: self.tokens[self.at].line, module: self.module(), path, is_test: self.tests[self.at] }
    }

    /// Reads what begins here and goes behind it.
    fn step(&mut self) {
        match self.text(0) {
            "mod" if self.text(1).starts_with(is_word) => self.declaration(),
            // `use<'a>` in a return type imports nothing.
            "use" if self.text(1) != "<" => self.use_declaration(),
            "#" if self.inside.len() == 1 && self.text(1) == "[" && self.text(2) == "test" => {
                self.seen.has_claims = true;
                self.at += 3;
            }
            "{" => (self.depth, self.at) = (self.depth + 1, self.at + 1),
            "}" => self.close(),
            text if text.starts_with(is_word) && !matches!(self.text_before(), "::" | ".") => self.path(),
            _ => self.at += 1,
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.inside.len() > 1 && self.inside.last().is_some_and(|(_, depth)| *depth == self.depth) {
            self.inside.pop();
        }
        self.at += 1;
    }

    fn declaration(&mut self) {
        let module = below(&self.module(), self.text(1));
        let is_inline = self.text(2) == "{";
        self.seen.declared.push(Declared { module: module.clone(), is_inline, is_test: self.tests[self.at] });
        if is_inline {
            self.inside.push((module, self.depth));
        }
        self.at += 2;
    }

    /// `a::b::c` in code, or a name alone.
    fn path(&mut self) {
        let start = self.at;
        let mut path = vec![self.text(0).to_owned()];
        while self.text(1) == "::" && self.text(2).starts_with(is_word) {
            path.push(self.text(2).to_owned());
            self.at += 2;
        }
        let end = std::mem::replace(&mut self.at, start) + 1;
        if path.len() > 1 {
            self.seen.paths.push(self.named(path.clone()));
        }
        self.at = end;
        // A small letter begins the name of a local too, but for what is called.
        let is_named = path.len() > 1 || path[0].starts_with(char::is_uppercase) || self.text(0) == "(";
        if is_named && !self.tests[start] {
            self.seen.words.insert(path.swap_remove(0));
        }
    }

    fn use_declaration(&mut self) {
        // The closing parenthesis is that of `pub(crate)`.
        let is_reexport = matches!(self.text_before(), "pub" | ")");
        self.at += 1;
        if self.text(0) == "::" {
            self.at += 1;
        }
        self.use_tree(&[], is_reexport);
    }

    /// One branch of a `use`, up to the comma, closing brace or semicolon behind it.
    fn use_tree(&mut self, stem: &[String], is_reexport: bool) {
        let mut path = stem.to_vec();
        loop {
            match self.text(0) {
                "{" => return self.use_group(&path, is_reexport),
                "*" => path.push("*".to_owned()),
                // `self` in a group is the module itself.
                "self" if !stem.is_empty() && path.len() == stem.len() => {}
                text => path.push(text.to_owned()),
            }
            if self.text(1) != "::" {
                break;
            }
            self.at += 2;
        }
        let renamed = self.text(1) == "as";
        let name = if renamed { self.text(2).to_owned() } else { path.last().cloned().unwrap_or_default() };
        let named = self.named(path);
        self.seen.uses.push(Use { named, name, is_reexport });
        self.at += if renamed { 3 } else { 1 };
    }

    fn use_group(&mut self, stem: &[String], is_reexport: bool) {
        self.at += 1;
        while !matches!(self.text(0), "}" | "") {
            if self.text(0) == "," {
                self.at += 1;
            } else {
                self.use_tree(stem, is_reexport);
            }
        }
        self.at += 1;
    }
}
