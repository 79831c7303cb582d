//! What answers without a running service: help, completions, check; and what the others say when nobody runs.

use crate::lab::flowpin;
use clap::CommandFactory;
use flowpin::cli::args::Cli;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn ask(arguments: &[&str]) -> Said {
    let output = Command::new(flowpin()).args(arguments).output().expect("flowpin runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Every command, as the program itself knows them.
fn commands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn help_names_every_command_and_explains_each_with_examples() {
    let manual = ask(&["--help"]);
    assert_eq!((manual.code, manual.err.as_str()), (Some(0), ""));
    for part in ["Exit codes:", "Files:", "Signals", "Environment:"] {
        assert!(manual.out.contains(part), "{part}");
    }
    for command in &commands() {
        assert!(manual.out.contains(&format!("\n  {command} ")), "{command}");
        let (help, same) = (ask(&["help", command]), ask(&[command, "--help"]));
        assert_eq!((help.code, same.code, &help.out), (Some(0), Some(0), &same.out), "{command}");
        assert!(
            help.out.contains("Examples:\n") && help.out.contains(&format!("Usage: flowpin {command}")),
            "{command}"
        );
        assert_eq!(ask(&[command, "-h"]).code, Some(0));
    }
    assert_eq!(ask(&["--version"]).out, format!("flowpin {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_would_be_right() {
    let cases: [(&[&str], &str); 6] = [
        (&[], "Usage: flowpin <COMMAND>"),
        (&["stats"], "similar subcommand exists: 'status'"),
        (&["flows", "--protcol", "udp"], "similar argument exists: '--protocol'"),
        (&["flows", "--host", "fiber"], "invalid value 'fiber' for '--host <ADDRESS>'"),
        (&["completions", "cmd"], "[possible values: bash, elvish, fish, powershell, zsh]"),
        (&["replay"], "--in <FILE>"),
    ];
    for (arguments, sentence) in cases {
        let said = ask(arguments);
        assert!(
            said.code == Some(2) && said.err.contains(sentence) && said.out.is_empty(),
            "{arguments:?}: {}",
            said.err
        );
    }
}

#[test]
fn completions_are_there_for_every_shell_and_bash_can_read_them() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = ask(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        assert!(commands().iter().all(|command| said.out.contains(command)), "{shell}");
    }
    let script = ask(&["completions", "bash"]).out;
    let complete =
        format!("{script}\nCOMP_WORDS=(flowpin fl) COMP_CWORD=1; _flowpin flowpin fl flowpin; echo $COMPREPLY");
    let output = Command::new("bash").args(["--norc", "-c", &complete]).output().expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "flows\n", "{}", String::from_utf8_lossy(&output.stderr));
}

/// A file that goes away with the test.
struct Config(PathBuf);

impl Config {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flowpin-{}-{name}.toml", std::process::id()));
        fs::write(&path, text).expect("the file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn check_says_good_of_every_file_that_comes_with_flowpin() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files = fs::read_dir(directory).expect("config/").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let file = file.to_str().expect("UTF-8");
        let said = ask(&["check", "--config", file]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{file}");
        assert!(said.out.starts_with(&format!("{file} is good: ")), "{}", said.out);
        let said = ask(&["check", "--config", file, "--json"]);
        let report: Value = serde_json::from_str(&said.out).expect("JSON and nothing else");
        assert_eq!((said.code, &report["ok"], &report["faults"]), (Some(0), &true.into(), &serde_json::json!([])));
    }
}

#[test]
fn check_says_every_fault_at_once_with_its_place_and_a_way_out() {
    let bad = Config::new(
        "bad",
        "[downstream]\nprefixes = [\"10.250.250.0/29\"]\nmut = 1400\n[[wan]]\ninterface = \"wan0\"\nweight = 0\n\
         [wan.nat44]\n\"10.9.0.1\" = \"192.0.2.1\"\n",
    );
    let said = ask(&["check", "--config", bad.path()]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    for part in ["bad.toml:3:1", "did you mean `mtu`?", "bad.toml:6:10", "bad.toml:8:1", "3 faults in "] {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    let said = ask(&["check", "--json", "--config", bad.path()]);
    assert_eq!((said.code, said.err.as_str()), (Some(2), ""));
    let report: Value = serde_json::from_str(&said.out).expect("JSON and nothing else");
    let places: Vec<_> = report["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| (fault["line"].as_u64(), fault["column"].as_u64(), fault["text"].as_str().unwrap_or_default()))
        .collect();
    let due = [(Some(3), Some(1), "mut"), (Some(6), Some(10), "0"), (Some(8), Some(1), "\"10.9.0.1\"")];
    assert_eq!((report["ok"].as_bool(), places.as_slice()), (Some(false), due.as_slice()));
    // `run` and `replay` say the same of a bad file, before anything else.
    let replay = ask(&["replay", "--config", bad.path(), "--in", "/nonexistent.pcapng", "--out", "/nonexistent.out"]);
    let run = ask(&["run", "--config", bad.path()]);
    let check = ask(&["check", "--config", bad.path()]);
    assert_eq!((run.code, replay.code), (Some(2), Some(2)));
    assert_eq!((run.err, replay.err), (check.err.clone(), check.err));
}

#[test]
fn a_file_that_is_not_there_is_exit_code_2_in_one_sentence() {
    for command in ["check", "run"] {
        let said = ask(&[command, "--config", "/nonexistent/flowpin.toml"]);
        assert_eq!(said.code, Some(2), "{command}");
        let sentence = "flowpin: there is no file /nonexistent/flowpin.toml; name the configuration with --config\n";
        assert_eq!(said.err, sentence, "{command}");
    }
}

#[test]
fn without_a_service_who_asks_it_is_told_what_to_do() {
    for command in ["status", "flows"] {
        for json in [&[][..], &["--json"]] {
            let said = ask(&[&[command, "--socket", "/nonexistent/control.sock"], json].concat());
            assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{command}");
            let sentence = "flowpin: no flowpin answers at /nonexistent/control.sock: is it running? start it with \
                            `flowpin run --config FILE`\n";
            assert_eq!(said.err, sentence, "{command}");
        }
    }
}
