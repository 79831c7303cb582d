//! Reads `/// Shows RFC nnnn ID, RFC nnnn ID.` above tests. Must never know: which clauses there are.

/// A test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    /// From the root of the repository.
    pub path: String,
    pub line: usize,
    pub name: String,
    /// The clauses it shows, `RFC nnnn ID` each.
    pub shows: Vec<String>,
}

/// What sources say.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Found {
    pub tests: Vec<Test>,
    /// File and line of annotations that stand above no test.
    pub astray: Vec<String>,
}

/// How an annotation begins.
const BEGINS: &str = "Shows RFC";

impl Found {
    /// Reads one more source, line by line: documentation and attributes belong to the function that follows them.
    pub fn read(&mut self, path: &str, text: &str) {
        let (mut doc, mut is_test) = (String::new(), false);
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if let Some(words) = text.strip_prefix("///") {
                doc = format!("{doc} {}", words.trim());
            } else if text.starts_with("#[") {
                is_test |= text.starts_with("#[test]");
            } else {
                let shows = clauses(&doc);
                match function(text).filter(|_| is_test) {
                    Some(name) => self.tests.push(Test { path: path.to_owned(), line, name: name.to_owned(), shows }),
                    None if !shows.is_empty() => self.astray.push(format!("{path}:{line}")),
                    None => {}
                }
                (doc, is_test) = (String::new(), false);
            }
        }
    }
}

/// The clauses that documentation says are shown.
fn clauses(doc: &str) -> Vec<String> {
    let Some(at) = doc.find(BEGINS) else { return Vec::new() };
    let list = &doc[at + "Shows ".len()..];
    // A point ends the list; a point inside, as in §4.3.2.7, is followed by no space.
    let list = list.split(". ").next().unwrap_or_default().trim_end_matches('.');
    list.split(", ").map(|clause| clause.trim().to_owned()).collect()
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let behind = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("fn ")?;
    behind.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Found {
        let mut found = Found::default();
        found.read("a.rs", text);
        found
    }

    #[test]
    fn an_annotation_belongs_to_the_test_below_it() {
        let text = "/// What for. Shows RFC 1812 §4.3.2.7,\n    /// RFC 4443 §2.4(f). And why.\n#[test]\n#[ignore]\nfn c_36_x() {\n\n#[test]\nfn b() {";
        let test = |line, name: &str, shows: &[&str]| Test {
            path: "a.rs".to_owned(),
            line,
            name: name.to_owned(),
            shows: shows.iter().map(|clause| (*clause).to_owned()).collect(),
        };
        let tests = vec![test(5, "c_36_x", &["RFC 1812 §4.3.2.7", "RFC 4443 §2.4(f)"]), test(8, "b", &[])];
        assert_eq!(read(text), Found { tests, astray: Vec::new() });
    }

    #[test]
    fn an_annotation_above_no_test_is_astray() {
        let texts = [
            "/// Shows RFC 1 §1.\nfn a() {",
            "/// Shows RFC 1 §1.\n\n#[test]\nfn a() {",
            "/// Shows RFC 1 §1.\nmod a;",
        ];
        assert_eq!(texts.map(|text| read(text).astray), [["a.rs:2"], ["a.rs:2"], ["a.rs:2"]]);
        assert!(
            read("/// Shows how.\nfn a() {\n// Shows RFC 1 §1.\nlet text = \"/// Shows RFC 1 §1.\";").astray.is_empty()
        );
    }
}
