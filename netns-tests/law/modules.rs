//! The modules of a crate as its files make them, and which file a path of names leads to. A re-export is a signpost: who
//! takes a name from it imports from the file that defines the name, and who only re-exports imports nothing.
//! Must never know: which imports are allowed.

use super::outline::{Named, Outline, Use, around, below, outline};
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// A crate's files, modules and imports.
pub struct Modules {
    /// Path of each file from the root of the repository.
    pub paths: Vec<String>,
    /// The module that each file is.
    names: Vec<String>,
    outlines: Vec<Outline>,
    /// Every module, inline ones too, and the file that it stands in.
    files: BTreeMap<String, usize>,
    tests: BTreeSet<String>,
}

/// A file takes something from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: usize,
    pub to: usize,
    pub line: usize,
}

/// How many re-exports a name may go through.
const MAX_SIGNPOSTS: usize = 16;

/// The module that a file below the folder `root` is; `None` for `main.rs` beside a `lib.rs`, which is another crate.
fn module_of(path: &str, root: &str) -> Option<String> {
    let inside = path.strip_prefix(root)?.strip_prefix('/')?.strip_suffix(".rs")?;
    match inside {
        "lib" => Some(String::new()),
        "main" => (root != "src").then(String::new),
        inside => Some(inside.replace('/', "::")),
    }
}

impl Modules {
    /// Reads the crate that lies in a folder.
    pub fn read(sources: &[Source], root: &str) -> Self {
        let mut modules = Self {
            paths: Vec::new(),
            names: Vec::new(),
            outlines: Vec::new(),
            files: BTreeMap::new(),
            tests: BTreeSet::new(),
        };
        for source in sources {
            let Some(name) = module_of(&source.path, root) else { continue };
            modules.add(&source.path, name.clone(), outline(&name, source.code()));
        }
        modules
    }

    fn add(&mut self, path: &str, name: String, outline: Outline) {
        let file = self.paths.len();
        self.files.insert(name.clone(), file);
        for declared in &outline.declared {
            if declared.is_inline {
                self.files.insert(declared.module.clone(), file);
            }
            if declared.is_test {
                self.tests.insert(declared.module.clone());
            }
        }
        self.paths.push(path.to_owned());
        self.names.push(name);
        self.outlines.push(outline);
    }

    /// The file that is, or holds, a module.
    pub fn file(&self, module: &str) -> Option<usize> {
        self.files.get(module).copied()
    }

    /// The file of a path.
    pub fn file_at(&self, path: &str) -> Option<usize> {
        self.paths.iter().position(|own| own == path)
    }

    /// The module that a file is.
    pub fn name(&self, file: usize) -> &str {
        &self.names[file]
    }

    /// Whether a file is one of claims: it stands right in the folder of the crate and is there for its tests.
    pub fn holds_claims(&self, file: usize) -> bool {
        self.outlines[file].has_claims && !self.names[file].contains("::")
    }

    /// Whether a file is test code as a whole.
    pub fn is_test(&self, file: usize) -> bool {
        let mut module = self.names[file].as_str();
        while !module.is_empty() {
            if self.tests.contains(module) {
                return true;
            }
            module = around(module);
        }
        false
    }

    /// Every import between two files in code that is no test, the first for each pair, sorted.
    pub fn imports(&self) -> Vec<Import> {
        (0..self.paths.len()).flat_map(|file| self.imports_of(file)).collect()
    }

    /// What a file imports from others in code that is no test, the first line for each.
    pub fn imports_of(&self, from: usize) -> Vec<Import> {
        if self.is_test(from) {
            return Vec::new();
        }
        let outline = &self.outlines[from];
        let is_import = |named: &Use| !named.is_reexport || outline.words.contains(&named.name);
        let used = outline.uses.iter().filter(|used| is_import(used)).map(|used| &used.named);
        let named = used.chain(&outline.paths).filter(|named| !named.is_test);
        let import = |named: &Named| Some(Import { from, to: self.definer(named)?, line: named.line });
        let mut imports: Vec<_> = named.filter_map(import).filter(|import| import.to != from).collect();
        imports.sort_unstable();
        imports.dedup_by_key(|import| import.to);
        imports
    }

    /// The room of the crate that a file stands in; `lib` and `main` are rooms of their own.
    pub fn room(&self, file: usize) -> &str {
        match self.names[file].split("::").next() {
            None | Some("") => "lib",
            Some(room) => room,
        }
    }

    /// The room of the crate that each path begins with, tests included, with its line.
    pub fn rooms_seen(&self, file: usize) -> Vec<(usize, String)> {
        let outline = &self.outlines[file];
        let named = outline.uses.iter().map(|used| &used.named).chain(&outline.paths);
        let room = |named: &Named| Some((named.line, self.anchored(&named.module, &named.path)?.swap_remove(0)));
        let mut seen: Vec<_> = named.filter_map(room).collect();
        seen.sort();
        seen
    }

    /// Every crate outside of this one that a file names outside of tests.
    pub fn strangers_of(&self, file: usize) -> BTreeSet<&str> {
        let outline = &self.outlines[file];
        let named = outline.uses.iter().map(|used| &used.named).chain(&outline.paths).filter(|named| !named.is_test);
        let strangers = named.filter(|named| self.anchored(&named.module, &named.path).is_none());
        strangers.filter_map(|named| named.path.first()).map(String::as_str).collect()
    }

    /// The file that defines what a path names; `None` for a module as a whole, and for what this crate does not define.
    fn definer(&self, named: &Named) -> Option<usize> {
        let whole = self.anchored(&named.module, &named.path)?;
        self.walk(&whole, MAX_SIGNPOSTS)
    }

    /// A path from the root of the crate on, with `crate`, `self`, `super` and names that stand for modules resolved.
    fn anchored(&self, module: &str, path: &[String]) -> Option<Vec<String>> {
        let mut at = module.to_owned();
        let mut rest = path;
        let mut is_anchored = false;
        while let Some((first, behind)) = rest.split_first() {
            match first.as_str() {
                "crate" => at = String::new(),
                "super" => at = around(&at).to_owned(),
                "self" => {}
                _ => break,
            }
            (rest, is_anchored) = (behind, true);
        }
        let first = rest.first()?;
        if !is_anchored && !self.files.contains_key(&below(&at, first)) {
            let used = self.signpost(&at, first).filter(|used| used.named.path[0] != *first)?;
            let mut whole = self.anchored(&used.named.module, &used.named.path)?;
            whole.extend_from_slice(&rest[1..]);
            return Some(whole);
        }
        let names = at.split("::").filter(|name| !name.is_empty()).map(str::to_owned);
        Some(names.chain(rest.iter().cloned()).collect())
    }

    /// The `use` by which a module has a name.
    fn signpost(&self, module: &str, name: &str) -> Option<&Use> {
        let file = self.files.get(module)?;
        let has = |used: &&Use| used.named.module == module && used.name == name;
        self.outlines[*file].uses.iter().find(has)
    }

    /// Follows a path from the root through modules and signposts to the file that defines its end.
    fn walk(&self, path: &[String], left: usize) -> Option<usize> {
        let mut at = String::new();
        for (index, name) in path.iter().enumerate() {
            let (inner, rest) = (below(&at, name), &path[index + 1..]);
            let is_last = rest.is_empty();
            let is_module = self.files.contains_key(&inner);
            // A module and a function may share a name; who imports both is taken to want the function.
            if let Some(used) = self.signpost(&at, name).filter(|_| left > 0 && (!is_module || is_last)) {
                let mut whole = self.anchored(&used.named.module, &used.named.path)?;
                whole.extend_from_slice(rest);
                return self.walk(&whole, left - 1);
            }
            if !is_module {
                return self.file(&at);
            }
            at = inner;
        }
        None
    }
}
