//! The door: hands the command line to `cli`.

fn main() {}
