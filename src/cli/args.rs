//! The words of the command line, and the manual that `--help` is. Only shapes: what a word does is its command's file.
//! Must never know: any other room.

#[cfg(feature = "lab")]
use super::lab::args as lab;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;

const ABOUT: &str = "Userspace multi-WAN router: pins every flow to a WAN, translates it and keeps it alive";

const LONG_ABOUT: &str = "\
flowpin stands between two or more Internet uplinks (WANs) and one downstream firewall and does the multi-WAN work \
itself: it binds every flow to one WAN for its life, translates addresses (1:1 NAT for IPv4, prefix translation for \
IPv6), clamps TCP's segment size to the WAN's MTU, and answers ARP and neighbour discovery for the public addresses it \
owns. Packet sockets read and write the WAN links, a TUN device faces the firewall; the kernel keeps the links and its \
own addresses.

What it does is said in one TOML file. A change is tried first with `flowpin check`.";

/// The line of `flowpin lab` among the examples, in a build that has the lab.
#[cfg(feature = "lab")]
macro_rules! lab_example {
    () => {
        "  flowpin lab                                  see it work here: builds a network of namespaces, needs root\n"
    };
}
#[cfg(not(feature = "lab"))]
macro_rules! lab_example {
    () => {
        ""
    };
}

const AFTER: &str = concat!(
    "Examples:\n",
    lab_example!(),
    "  flowpin check --config flowpin.toml          every fault in the file, with line and column
  flowpin run                                  route, in the foreground, as systemd wants it
  flowpin status                               WANs, gateways, counters
  flowpin flows --wan fiber --protocol udp     which flows sit on a WAN
  flowpin wan fiber drain                      no new flows on a WAN, by hand
  flowpin replay --in x.pcapng --out y.pcapng  the same data plane over a capture
  flowpin down                                 end it, and put the machine back as it was

Exit codes:
  0  done
  1  it failed; standard error says why in one sentence
  2  wrong usage, or a configuration with faults
  3  `run` only: `flowpin down` has ended it

Files:
  /etc/flowpin/flowpin.toml    the configuration
  /run/flowpin/control.sock    where `status`, `flows`, `wan` and `down` reach the running service

Signals (run):
  SIGTERM, SIGINT  stop; nothing passes then until the next start or `flowpin down`, unless `on_stop = \"open\"`

Environment:
  FLOWPIN_LOG      log filter; goes before [log] level, e.g. `debug` or `flowpin::control=trace`
  NO_COLOR         if set, faults of a configuration are shown without colour
  NOTIFY_SOCKET    set by systemd: where `run` says that it is ready

`flowpin help COMMAND` says more about one command."
);

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "flowpin", version, about = ABOUT, long_about = LONG_ABOUT, after_help = "`flowpin --help` reads like a manual.", after_long_help = AFTER)]
#[command(arg_required_else_help = true, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What flowpin can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Route: in the foreground, until SIGTERM
    #[command(long_about = RUN, after_long_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Say what is wrong with a configuration file
    #[command(long_about = CHECK, after_long_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Show WANs, gateways, counters of the running service
    #[command(long_about = STATUS, after_long_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// List flows and the WANs they are pinned to
    #[command(long_about = FLOWS, after_long_help = FLOWS_EXAMPLES)]
    Flows(FlowsArgs),
    /// Drain a WAN, take it down or up by hand, or leave it to the evidence again
    #[command(long_about = WAN, after_long_help = WAN_EXAMPLES)]
    Wan(WanArgs),
    /// End the service and put the machine back as it was
    #[command(long_about = DOWN, after_long_help = DOWN_EXAMPLES)]
    Down(DownArgs),
    /// Run captured packets through the data plane
    #[command(long_about = REPLAY, after_long_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// See flowpin route real traffic, on this machine, in namespaces
    #[cfg(feature = "lab")]
    #[command(long_about = lab::LONG, after_long_help = lab::EXAMPLES)]
    Lab(lab::LabArgs),
    /// Print a shell's completion script
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

const CONFIG: &str = "/etc/flowpin/flowpin.toml";
const SOCKET: &str = "/run/flowpin/control.sock";

const RUN: &str = "\
Routes until SIGTERM or SIGINT, in the foreground.

Creates the TUN, opens the WAN links, sets the few routes, rules and kernel settings it needs, then says that it is \
ready (to systemd, and in the log). Needs CAP_NET_ADMIN and CAP_NET_RAW. Whatever is already there and in the way is \
named and left alone. After a stop or a crash the door stays shut, so that nothing leaves untranslated, also over a \
restart: `flowpin down` opens it and puts everything back, and with `on_stop = \"open\"` in [downstream] each stop does.

Exit codes: 0 stopped by a signal, 1 it failed, 2 a configuration with faults, 3 ended by `flowpin down`.";
const RUN_EXAMPLES: &str = "\
Examples:
  flowpin run
  FLOWPIN_LOG=debug flowpin run --config ./two-fibre.toml";

/// `flowpin run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
}

const CHECK: &str = "\
Reads a configuration file and prints every fault at once: line, column, the text in question and what to write \
instead. Touches nothing else, needs no rights but to read the file.

With --json prints one object: {\"ok\": true, ...} or {\"ok\": false, \"faults\": [...]}. A fault has line, column, \
end_line (where it spans lines), text, message, suggestion and code.";
const CHECK_EXAMPLES: &str = "\
Examples:
  flowpin check
  flowpin check --config new.toml && mv new.toml /etc/flowpin/flowpin.toml
  flowpin check --config new.toml --json | jq -r '.faults[] | \"\\(.line):\\(.column) \\(.message)\"'

Exit codes: 0 the file is good, 2 it has faults or cannot be read.";

/// `flowpin check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const STATUS: &str = "\
Asks the running service: WANs with their links, gateways and MACs, how each is in each address family, since when and \
why, its probes, packets and bytes each way, whether the kernel side is whole, the flow table, and \
every reason for which packets were dropped.";
const STATUS_EXAMPLES: &str = "\
Examples:
  flowpin status
  flowpin status --watch
  flowpin status --json | jq '.wans[] | {name, state, flows}'
  flowpin status --json --watch=10 | jq -c '[.wans[].state]'

Exit codes: 0 answered, 1 the service does not run or this user may not ask.";

/// `flowpin status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Control socket of the service
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Ask again every so many seconds, until Ctrl-C; with --json one object per line
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub watch: Option<u64>,
}

const FLOWS: &str = "\
Asks the running service for its flows, seen from the inside: inside address, remote address, the public address the \
remote sees, the WAN, state, age and traffic. What is left out matches everything.

The list is in the order of inside address, remote address, protocol and ports. A long one is asked for in pages and \
printed while they arrive, so that a list of any size takes little memory and delays nothing that flowpin does. A flow \
that lives all the while is listed once; others come and go meanwhile.";
const FLOWS_EXAMPLES: &str = "\
Examples:
  flowpin flows
  flowpin flows --host 10.250.250.2 --port 443
  flowpin flows --wan fiber --protocol udp --limit 1000 --json | jq -r '.flows[].remote'
  flowpin flows --limit 10000000 | less

Exit codes: 0 answered, 1 the service does not run or this user may not ask.";

/// `flowpin flows`
#[derive(Debug, Args)]
pub struct FlowsArgs {
    /// Control socket of the service
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Only flows pinned to this WAN
    #[arg(long, value_name = "NAME")]
    pub wan: Option<String>,
    /// Only flows with this inside or remote address
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<IpAddr>,
    /// Only this protocol: tcp, udp, icmp or a number
    #[arg(long, value_name = "PROTOCOL")]
    pub protocol: Option<String>,
    /// Only flows with this inside or remote port
    #[arg(long)]
    pub port: Option<u16>,
    /// List at most that many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
}

const WAN: &str = "\
Tells the running service how to treat a WAN, whatever the probes say, until `auto`, or until it is started anew: this \
is not kept over a restart. In effect when the command returns, for both address families.

  drain  no new flows; those that it has go on while they are answered
  down   as if its link were gone: its flows are reset or move, as `on_hard_down` in [wan.health] says
  up     up whatever the probes say; without a link, a carrier or a gateway it is down all the same
  auto   as links and probes show it

`set prefix PREFIX [valid-for TIME]` says which IPv6 prefix the line delegates, for a WAN whose [wan.nptv6] says \
`outside = \"auto\"`: for hooks of DHCP clients whose prefix flowpin cannot read off the kernel. New flows have it at \
once; the one before goes on translating for its flows until its own time is over. TIME is such as 2h4m, or seconds; 0 \
takes the prefix back; left out: until the next one is set.";
const WAN_EXAMPLES: &str = "\
Examples:
  flowpin wan fiber drain --reason \"new modem on Tuesday\"
  flowpin wan fiber auto
  flowpin wan lte down --json | jq -r .state
  flowpin wan fiber set prefix 2001:db8:a:d00::/60 valid-for 2h4m

Exit codes: 0 in effect, 1 no such WAN or prefix, the service does not run or this user may not ask, 2 wrong usage.";

/// `flowpin wan`
#[derive(Debug, Args)]
pub struct WanArgs {
    /// Name of the WAN
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How to treat it
    pub verb: WanVerb,
    /// After `set`: prefix PREFIX [valid-for TIME]
    #[arg(value_name = "WORD", hide = true)]
    pub words: Vec<String>,
    /// Why: shown by `status` and in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Control socket of the service
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Print the WAN as it is then, as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What may be said of a WAN.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum WanVerb {
    /// No new flows
    Drain,
    /// As if its link were gone
    Down,
    /// Up, whatever the probes say
    Up,
    /// As links and probes show it
    Auto,
    /// Which IPv6 prefix it has: set prefix PREFIX [valid-for TIME]
    Set,
}

impl WanVerb {
    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Down => "down",
            Self::Up => "up",
            Self::Auto => "auto",
            Self::Set => "set",
        }
    }
}

const DOWN: &str = "\
Ends the running service, if there is one, and puts back every route, rule, kernel setting and nftables table that it \
made, also of a run that was stopped with the door shut or killed. From then on the kernel forwards what it did before \
flowpin: where it is a router for other reasons, the firewall's packets may leave untranslated. A service manager does not \
start the service again (exit code 3 of `run`).";
const DOWN_EXAMPLES: &str = "\
Examples:
  flowpin down
  flowpin down --json | jq .ended

Exit codes: 0 all is as before flowpin, 1 something stays, or this user may not.";

/// `flowpin down`
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Control socket of the service
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    pub socket: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const REPLAY: &str = "\
Runs captured packets through the same data plane that `run` uses, with the capture's clock. The same input, \
configuration and seed give the same output, byte for byte.

One pcapng file: its interfaces are named `inside` or after a WAN of the configuration (--in, --out). Or one capture \
per end: --inside FILE and --wan NAME=FILE, written to --out-dir under the same names.

Prints what became of the packets, counted by verdict. A damaged capture ends with a clear message and with what was \
processed so far.";
const REPLAY_EXAMPLES: &str = "\
Examples:
  flowpin replay --config f.toml --in x.pcapng --out y.pcapng
  flowpin replay --config f.toml --in x.pcapng --out y.pcapng --drop-comments
  flowpin replay --config f.toml --inside a.pcap --wan fiber=b.pcap --out-dir out
  flowpin replay --config f.toml --in x.pcapng --json | jq .drops

Exit codes: 0 all packets processed, 1 the capture is damaged or cannot be written, 2 wrong usage or bad configuration.";

/// `flowpin replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// A pcapng whose interfaces are named `inside` or after a WAN
    #[arg(long = "in", value_name = "FILE", conflicts_with_all = ["inside", "wan"], required_unless_present_any = ["inside", "wan"])]
    pub input: Option<PathBuf>,
    /// Where to write what left the router, as pcapng
    #[arg(long = "out", value_name = "FILE", conflicts_with_all = ["inside", "wan", "out_dir"])]
    pub output: Option<PathBuf>,
    /// A capture of what came from inside
    #[arg(long, value_name = "FILE")]
    pub inside: Option<PathBuf>,
    /// A capture of what came in on a WAN, Ethernet or raw IP; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = wan_capture, action = ArgAction::Append)]
    pub wan: Vec<WanCapture>,
    /// Directory for one output capture per end
    #[arg(long, value_name = "DIRECTORY")]
    pub out_dir: Option<PathBuf>,
    /// Print the counts as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Write dropped packets too, each with its reason as a packet comment
    #[arg(long = "drop-comments")]
    pub comments: bool,
}

/// A capture and the WAN it came in on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WanCapture {
    /// Name of the WAN in the configuration.
    pub name: String,
    /// The capture.
    pub file: PathBuf,
}

fn wan_capture(text: &str) -> Result<WanCapture, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(WanCapture { name: name.to_owned(), file: PathBuf::from(file) })
        }
        _ => Err("write the WAN's name and its capture as NAME=FILE, e.g. fiber=b.pcap".to_owned()),
    }
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  flowpin completions bash > /etc/bash_completion.d/flowpin
  flowpin completions zsh > \"${fpath[1]}/_flowpin\"
  flowpin completions fish > ~/.config/fish/completions/flowpin.fish";

/// `flowpin completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wan_capture_is_a_name_and_a_file() {
        let good = WanCapture { name: "fiber".into(), file: "a=b.pcap".into() };
        assert_eq!(wan_capture("fiber=a=b.pcap"), Ok(good));
        for bad in ["fiber", "=x", "fiber="] {
            assert!(wan_capture(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_replay_takes_one_file_or_one_per_end_but_not_both() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map_err(|error| error.exit_code());
        assert!(parse("flowpin replay --in x --out y").is_ok());
        assert!(parse("flowpin replay --inside a --wan fiber=b --out-dir d").is_ok());
        assert_eq!(parse("flowpin replay --in x --inside a").err(), Some(2));
        assert_eq!(parse("flowpin replay --in x --out y --out-dir d").err(), Some(2));
        assert_eq!(parse("flowpin replay").err(), Some(2));
    }
}
