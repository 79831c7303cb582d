//! The lab on a screen: a small table redrawn in place, or one line now and then when nobody watches.
//! Must never know: what is good or bad.

use super::look::Look;
use super::story::Event;
use super::timeline::Timeline;
use crate::api::Wan;
use crate::cli::columns::{Columns, bytes, count};
use crate::lab::Lab;
use crate::lab::topology::{DSL4, FIBER4, INBOUND6_PUBLIC, SERVER4, SERVER6};
use crate::lab::traffic::Seen;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;

/// Where and how to draw.
pub struct Show {
    place: Place,
    /// Lines of the last table.
    drawn: usize,
}

#[derive(PartialEq, Eq)]
enum Place {
    /// Standard output, each table over the one before.
    Terminal,
    /// Standard output, a line at a time.
    Lines,
    /// Standard error, a line at a time: standard output is for the summary.
    Aside,
}

impl Show {
    /// A terminal gets a table, unless standard output is for JSON.
    pub fn new(json: bool) -> Self {
        let place = match json {
            true => Place::Aside,
            false if std::io::stdout().is_terminal() => Place::Terminal,
            false => Place::Lines,
        };
        Self { place, drawn: 0 }
    }

    /// Whether each table covers the one before.
    pub fn in_place(&self) -> bool {
        self.place == Place::Terminal
    }

    /// Says that something happened: above the table, or between the lines.
    pub fn say(&mut self, event: &Event) {
        let Event { at_ms, wan, what } = event;
        let line = format!("{:>5}.{} s  {wan:<5}  {what}", at_ms / 1000, at_ms % 1000 / 100);
        let _ = match self.place {
            // The table that comes next is drawn below it.
            Place::Terminal => self.redraw("").and_then(|()| writeln!(std::io::stdout(), "{line}")),
            Place::Lines => writeln!(std::io::stdout(), "{line}"),
            Place::Aside => writeln!(std::io::stderr(), "{line}"),
        };
    }

    /// Draws a moment. A screen that went away is no error.
    pub fn draw(&mut self, look: &Look, timeline: &Timeline) {
        let _ = match self.place {
            Place::Terminal => self.redraw(&format!("{}\n{}", table(look), timeline.render())),
            Place::Lines => writeln!(std::io::stdout(), "{}", line(look)),
            Place::Aside => writeln!(std::io::stderr(), "{}", line(look)),
        };
    }

    /// Draws the last moment, as a table even where there were lines.
    pub fn last(&mut self, look: &Look) {
        let table = table(look);
        let _ = if self.in_place() { self.redraw(&table) } else { write!(std::io::stdout(), "{table}") };
    }

    /// Up over the old table, then each line with what was right of it cleared.
    fn redraw(&mut self, table: &str) -> io::Result<()> {
        let up = if self.drawn == 0 { String::new() } else { format!("\x1b[{}A", self.drawn) };
        self.drawn = table.lines().count();
        let lines: String = table.lines().map(|line| format!("{line}\x1b[K\n")).collect();
        let mut screen = std::io::stdout();
        write!(screen, "{up}{lines}\x1b[J")?;
        screen.flush()
    }
}

/// A moment as a table.
pub fn table(look: &Look) -> String {
    let mut text = format!(
        "\n{:>3} s   {} flows now, {} since the start\n\n",
        look.seconds, look.status.table.flows, look.status.table.created
    );
    let mut columns = Columns::new(&["WAN", "STATE", ">FLOWS", ">OUT", ">BYTES", ">IN", ">BYTES"]);
    for wan in &look.status.wans {
        let Wan { name, state, flows, outbound, inbound, .. } = wan;
        let [sent, received] = [outbound, inbound].map(|way| [count(way.packets), bytes(way.bytes)]);
        let ([out, out_bytes], [inn, in_bytes]) = (sent, received);
        columns.row([name.clone(), state.clone(), count(*flows), out, out_bytes, inn, in_bytes]);
    }
    let _ = writeln!(text, "{}\n{}", columns.render(), seen(look));
    let _ = writeln!(text, "checksum errors at receivers: {}", look.checksum_errors);
    let _ =
        writeln!(text, "packets with another WAN's source: {} of {}", look.strangers, count(look.frames.iter().sum()));
    let _ = writeln!(text, "drops: {}", drops(look));
    text
}

/// A moment as a line.
fn line(look: &Look) -> String {
    let wan = |wan: &Wan| {
        let Wan { name, flows, outbound, inbound, .. } = wan;
        format!("{name} {flows} flows, {} out, {} in", bytes(outbound.bytes), bytes(inbound.bytes))
    };
    let wans: Vec<String> = look.status.wans.iter().map(wan).collect();
    format!(
        "{:>3} s  {}; checksum errors {}; drops: {}",
        look.seconds,
        wans.join("; "),
        look.checksum_errors,
        drops(look)
    )
}

/// Every reason with its count.
pub fn drops(look: &Look) -> String {
    let drops = look.status.drops.iter();
    let reasons = drops.flat_map(|(way, reasons)| reasons.iter().map(move |(why, n)| format!("{way} {why} {n}")));
    let ports = look.status.ports.iter().map(|(name, n)| format!("{name} {n}"));
    let all: Vec<String> = reasons.chain(ports).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// The public addresses that the server saw, the fiber's beside those of the other WANs.
fn seen(look: &Look) -> String {
    let of = |wan: &str| -> Vec<_> { look.seen.iter().filter(|(_, seen)| seen.wan == wan).collect() };
    let (fiber, dsl) = (of("fiber"), [of("dsl"), of("lte")].concat());
    let mut columns = Columns::new(&["THE SERVER SEES", ">FLOWS", "OR", ">FLOWS"]);
    for row in 0..fiber.len().max(dsl.len()) {
        let cells = |seen: Option<&(&IpAddr, &Seen)>| {
            seen.map(|(address, seen)| [address.to_string(), count(seen.flows)]).unwrap_or_default()
        };
        let ([left, left_flows], [right, right_flows]) = (cells(fiber.get(row)), cells(dsl.get(row)));
        columns.row([left, left_flows, right, right_flows]);
    }
    columns.render()
}

/// Commands to play with a lab that stays up.
pub fn commands(lab: &Lab) -> String {
    let (fw, inet, rt, ispa) = (lab.fw.name(), lab.inet.name(), lab.rt.name(), lab.ispa.name());
    let socket = lab.socket();
    let socket = socket.display();
    let [fiber, dsl] = [FIBER4[0], DSL4[0]];
    format!(
        "
  the firewall browses; the answer is the address that the server sees
    ip netns exec {fw} curl http://{SERVER4}/
    ip netns exec {fw} curl http://[{SERVER6}]/
    ip netns exec {fw} ping -I 10.250.250.4 {SERVER4}
  outside visits the firewall, over each WAN
    ip netns exec {inet} curl http://{fiber}/
    ip netns exec {inet} curl http://{dsl}/
    ip netns exec {inet} ping {INBOUND6_PUBLIC}
  what flowpin says
    flowpin status --socket {socket}
    flowpin flows --socket {socket}
  what the wires say
    ip netns exec {ispa} tcpdump -ni customer
    ip netns exec {rt} ip address
"
    )
}
