//! `flowpin flows`: which flows there are, and the WANs they are pinned to.
//! Must never know: the flow table.

use super::args::FlowsArgs;
use super::columns::{Columns, bytes, duration};
use super::{client, fail};
use crate::api::{Flow, Flows};
use std::io::{self, ErrorKind, Write};
use std::net::IpAddr;
use std::process::ExitCode;

/// Asks and prints, page by page: each is asked for when the one before has been printed, so that nothing of the service
/// waits for a slow reader, and a list of any size takes the memory of a page here and there.
#[must_use]
pub fn flows(args: &FlowsArgs) -> ExitCode {
    let ask = |limit, after: Option<&str>| {
        let answer = client::get(&args.socket, &target(args, limit, after))?;
        let flows = serde_json::from_slice::<Flows>(&answer);
        flows.map_err(|error| format!("the running flowpin speaks another version of this command: {error}"))
    };
    let out = io::stdout().lock();
    let printed = if args.json {
        follow(args.limit, ask, &mut Json { out, flows: 0 })
    } else {
        follow(args.limit, ask, &mut Text { out, flows: 0, columns: columns() })
    };
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(End::ReaderGone) => ExitCode::SUCCESS,
        Err(End::Failed(sentence)) => fail(sentence),
    }
}

/// Why a list is not printed to its end.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The reader has seen enough (`flowpin flows | head`), which is no error.
    ReaderGone,
    /// One sentence.
    Failed(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(format!("cannot print: {error}")),
        }
    }
}

/// How a list is printed while it arrives.
trait Print {
    /// The next page, and whether it is the first.
    fn page(&mut self, page: &Flows, is_first: bool) -> io::Result<()>;

    /// The end: how many flows there are, and whether there are more than were asked for.
    fn end(&mut self, matched: u64, has_more: bool) -> io::Result<()>;
}

/// Asks for pages until there are `limit` flows or no more, and prints each. How many match is what the first page says.
fn follow(
    limit: usize,
    ask: impl Fn(usize, Option<&str>) -> Result<Flows, String>,
    print: &mut impl Print,
) -> Result<(), End> {
    let mut page = ask(limit, None).map_err(End::Failed)?;
    let (mut left, matched) = (limit, page.matched);
    print.page(&page, true)?;
    loop {
        left = left.saturating_sub(page.flows.len());
        let Some(next) = page.next.as_deref().filter(|_| left > 0 && !page.flows.is_empty()) else { break };
        page = ask(left, Some(next)).map_err(End::Failed)?;
        print.page(&page, false)?;
    }
    Ok(print.end(matched, page.next.is_some())?)
}

/// One object, however many pages.
struct Json<W> {
    out: W,
    flows: u64,
}

impl<W: Write> Print for Json<W> {
    fn page(&mut self, page: &Flows, is_first: bool) -> io::Result<()> {
        let mut text = Vec::new();
        if is_first {
            text = format!("{{\"matched\":{},\"flows\":[", page.matched).into_bytes();
        }
        for flow in &page.flows {
            if self.flows > 0 {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, flow)?;
            self.flows += 1;
        }
        self.out.write_all(&text)
    }

    fn end(&mut self, _: u64, _: bool) -> io::Result<()> {
        self.out.write_all(b"]}\n")?;
        self.out.flush()
    }
}

/// A table for people.
struct Text<W> {
    out: W,
    flows: u64,
    columns: Columns,
}

impl<W: Write> Print for Text<W> {
    fn page(&mut self, page: &Flows, _: bool) -> io::Result<()> {
        if page.flows.is_empty() {
            return Ok(());
        }
        page.flows.iter().for_each(|flow| self.columns.row(cells(flow)));
        self.flows += page.flows.len() as u64;
        self.out.write_all(self.columns.flush().as_bytes())
    }

    fn end(&mut self, matched: u64, has_more: bool) -> io::Result<()> {
        let more = if has_more { "; --limit shows more" } else { "" };
        // Some may have begun since they were counted.
        writeln!(self.out, "{} of {} flows{more}", self.flows, matched.max(self.flows))?;
        self.out.flush()
    }
}

fn target(args: &FlowsArgs, limit: usize, after: Option<&str>) -> String {
    let mut target = format!("/v1/flows?limit={limit}");
    let mut ask = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            target += &format!("&{name}={}", client::escape(&value));
        }
    };
    ask("wan", args.wan.clone());
    ask("host", args.host.map(|host| host.to_string()));
    ask("protocol", args.protocol.clone());
    ask("port", args.port.map(|port| port.to_string()));
    ask("after", after.map(str::to_owned));
    target
}

fn columns() -> Columns {
    Columns::new(&["PROTO", "INSIDE", "REMOTE", "PUBLIC", "WAN", "FROM", "STATE", ">AGE", ">LEFT", ">OUT", ">IN"])
}

fn cells(flow: &Flow) -> [String; 11] {
    [
        flow.protocol.clone(),
        endpoint(flow, flow.inside, flow.inside_port),
        endpoint(flow, flow.remote, flow.remote_port),
        flow.public.map_or_else(|| "none".to_owned(), |address| public(flow, address)),
        if flow.direct { format!("{} direct", flow.wan) } else { flow.wan.clone() },
        if flow.origin == "inbound" { "outside".to_owned() } else { "inside".to_owned() },
        flow.state.clone(),
        duration(flow.age_seconds),
        duration(flow.expires_seconds),
        bytes(flow.outbound.bytes),
        bytes(flow.inbound.bytes),
    ]
}

/// A public address, with the port where that is not the inside host's own.
fn public(flow: &Flow, address: IpAddr) -> String {
    flow.public_port.map_or_else(|| address.to_string(), |port| endpoint(flow, address, port))
}

/// An address with what tells its flows apart: a port, an ICMP identifier (inside only), or nothing.
fn endpoint(flow: &Flow, address: IpAddr, port: u16) -> String {
    match (flow.protocol.as_str(), address) {
        ("tcp" | "udp", IpAddr::V4(address)) => format!("{address}:{port}"),
        ("tcp" | "udp", IpAddr::V6(address)) => format!("[{address}]:{port}"),
        ("icmp" | "icmp6", address) if address != flow.remote => format!("{address} id {port}"),
        (_, address) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Traffic;

    fn flow(protocol: &str, inside: &str, port: u16) -> Flow {
        Flow {
            protocol: protocol.into(),
            inside: inside.parse().unwrap(),
            inside_port: port,
            remote: if inside.contains(':') { "2001:db8::5" } else { "203.0.113.5" }.parse().unwrap(),
            remote_port: 443,
            public: Some("192.0.2.193".parse().unwrap()),
            public_port: None,
            wan: "fiber".into(),
            direct: port == 53,
            origin: "outbound".into(),
            state: "established".into(),
            age_seconds: 5,
            expires_seconds: 7440,
            outbound: Traffic { packets: 2, bytes: 2048 },
            inbound: Traffic { packets: 1, bytes: 60 },
        }
    }

    /// Pages as the service would answer, two flows on each at the most; the second has one more flow by then.
    fn pages(limit: usize, after: Option<&str>) -> Result<Flows, String> {
        let all = [1, 2, 3, 4, 5].map(|port| flow("udp", "10.250.250.2", port));
        let first: usize = after.map_or(0, |after| after.parse().unwrap());
        let flows: Vec<_> = all[first..].iter().take(limit.min(2)).cloned().collect();
        let last = first + flows.len();
        Ok(Flows { matched: 4 + first.min(1) as u64, flows, next: (last < 5).then(|| last.to_string()) })
    }

    fn text(limit: usize, ask: impl Fn(usize, Option<&str>) -> Result<Flows, String>) -> (Result<(), End>, String) {
        let mut text = Text { out: Vec::new(), flows: 0, columns: columns() };
        (follow(limit, ask, &mut text), String::from_utf8(text.out).unwrap())
    }

    #[test]
    fn a_flow_is_one_line() {
        let answer = |_: usize, _: Option<&str>| {
            let mut inbound = flow("udp", "fd00:bad:b01::2", 53);
            inbound.origin = "inbound".into();
            inbound.public = None;
            let flows = vec![flow("tcp", "10.250.250.2", 4000), flow("icmp", "10.250.250.2", 77), inbound];
            Ok(Flows { matched: 9, flows, next: Some("x".into()) })
        };
        let expected = "\
PROTO  INSIDE                REMOTE             PUBLIC       WAN           FROM     STATE        AGE   LEFT      OUT    IN
tcp    10.250.250.2:4000     203.0.113.5:443    192.0.2.193  fiber         inside   established   5s  2h04m  2.0 KiB  60 B
icmp   10.250.250.2 id 77    203.0.113.5        192.0.2.193  fiber         inside   established   5s  2h04m  2.0 KiB  60 B
udp    [fd00:bad:b01::2]:53  [2001:db8::5]:443  none         fiber direct  outside  established   5s  2h04m  2.0 KiB  60 B
3 of 9 flows; --limit shows more
";
        assert_eq!(text(3, answer), (Ok(()), expected.to_owned()));
    }

    #[test]
    fn no_flows_is_one_line_without_a_heading() {
        assert_eq!(text(100, |_, _| Ok(Flows::default())), (Ok(()), "0 of 0 flows\n".to_owned()));
    }

    #[test]
    fn pages_are_one_table_and_one_object() {
        let (end, all) = text(100, pages);
        let ports: Vec<_> =
            all.lines().filter_map(|line| line.split("10.250.250.2:").nth(1)?.split(' ').next()).collect();
        assert_eq!((end, ports), (Ok(()), vec!["1", "2", "3", "4", "5"]));
        assert!(all.starts_with("PROTO") && all.ends_with("\n5 of 5 flows\n") && all.lines().count() == 7, "{all}");
        let three = text(3, pages).1;
        assert!(three.ends_with("\n3 of 4 flows; --limit shows more\n"), "{three}");

        let mut json = Json { out: Vec::new(), flows: 0 };
        follow(100, pages, &mut json).unwrap();
        let listed: Flows = serde_json::from_slice(&json.out).unwrap();
        assert_eq!((listed.matched, listed.flows.len(), listed.next), (4, 5, None));
        let mut json = Json { out: Vec::new(), flows: 0 };
        follow(0, pages, &mut json).unwrap();
        assert_eq!(json.out, b"{\"matched\":4,\"flows\":[]}\n");
    }

    #[test]
    fn a_reader_that_goes_ends_the_list_and_no_more_is_asked_for() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let only_once = |limit, after: Option<&str>| {
            assert_eq!(after, None);
            pages(limit, after)
        };
        let mut text = Text { out: Gone, flows: 0, columns: columns() };
        assert_eq!(follow(100, only_once, &mut text), Err(End::ReaderGone));
    }

    #[test]
    fn a_question_carries_only_what_was_asked() {
        let mut args = FlowsArgs {
            socket: "/x".into(),
            json: false,
            wan: None,
            host: None,
            protocol: None,
            port: None,
            limit: 100,
        };
        assert_eq!(target(&args, 100, None), "/v1/flows?limit=100");
        args.wan = Some("a b".into());
        args.host = Some("fd00::1".parse().unwrap());
        args.port = Some(443);
        let place = Some("6-::-1-::-2");
        let expected = "/v1/flows?limit=7&wan=a%20b&host=fd00%3A%3A1&port=443&after=6-%3A%3A-1-%3A%3A-2";
        assert_eq!(target(&args, 7, place), expected);
    }
}
