//! The harness: a lab that must come up, programs that must succeed, peers that answer, and the checks that each lab
//! test ends with. Must never know: any single claim.

use flowpin::lab::{Lab, Namespace, Options};
use std::process::Command;

/// A lab, or the end of the test.
pub fn lab(options: Options) -> Lab {
    Lab::build(options).expect("the lab can be built (run the tests as root)")
}

/// Runs a program in a namespace; it must succeed. Returns what it printed.
pub fn run(namespace: &Namespace, program: &str, arguments: &[&str]) -> String {
    let (success, text) = attempt(namespace, program, arguments);
    assert!(success, "{} failed in {}:\n{text}", line(program, arguments), namespace.name());
    text
}

/// Runs a program in a namespace. Returns whether it succeeded and what it printed.
pub fn attempt(namespace: &Namespace, program: &str, arguments: &[&str]) -> (bool, String) {
    let output = namespace.output(Command::new(program).args(arguments));
    let output = output.unwrap_or_else(|error| panic!("{} cannot be run: {error}", line(program, arguments)));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

fn line(program: &str, arguments: &[&str]) -> String {
    format!("`{program} {}`", arguments.join(" "))
}
