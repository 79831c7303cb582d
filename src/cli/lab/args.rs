//! The words of `flowpin lab`. Only shapes.
//! Must never know: any other room.

use clap::Args;

/// The manual of `flowpin lab`.
pub const LONG: &str = "\
Builds a firewall, a router, three ISPs and an Internet host as network namespaces of this machine, runs the real \
service in them and drives real TCP, UDP and ping both ways, with a small live table: flows and bytes per WAN, the \
public addresses that the server sees, checksum errors, drops. Then one line dies softly (its ISP swallows everything), \
another hard (no carrier), a third is plugged in, and both are mended, while streams, a download and a session use them. \
The summary says what each went through, in milliseconds, draws the traffic of each line, and judges.

Needs root, and nothing else installed. The machine's own network is not touched; Ctrl-C cleans up.";

/// Its examples and exit codes.
pub const EXAMPLES: &str = "\
Examples:
  sudo flowpin lab
  sudo flowpin lab --seconds 5 --json
  sudo flowpin lab --keep

Exit codes: 0 everything worked, 1 something did not.";

/// `flowpin lab`
#[derive(Debug, Args)]
pub struct LabArgs {
    /// Leave the network up at the end and print the commands to play with it
    #[arg(long)]
    pub keep: bool,
    /// How long traffic runs before the first line is cut
    #[arg(long, value_name = "SECONDS", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Play it so many times slower, and wait so many times as long: for a slow or busy machine
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub slow: u32,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub json: bool,
}
