//! The door: hands the command line to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowpin::cli::main()
}
