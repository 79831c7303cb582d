//! `flowpin flows`: which flows there are, and the WANs they are pinned to.
//! Must never know: the flow table.

use super::args::FlowsArgs;
use super::columns::{Columns, bytes, duration};
use super::{client, fail, say};
use crate::api::{Flow, Flows};
use std::net::IpAddr;
use std::process::ExitCode;

/// Asks and prints.
#[must_use]
pub fn flows(args: &FlowsArgs) -> ExitCode {
    let answer = match client::get(&args.socket, &target(args)) {
        Ok(answer) => answer,
        Err(sentence) => return fail(sentence),
    };
    if args.json {
        say(String::from_utf8_lossy(&answer));
        return ExitCode::SUCCESS;
    }
    match serde_json::from_slice::<Flows>(&answer) {
        Ok(flows) => {
            say(render(&flows).trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => fail(format_args!("the running flowpin speaks another version of this command: {error}")),
    }
}

fn target(args: &FlowsArgs) -> String {
    let mut target = format!("/v1/flows?limit={}", args.limit);
    let mut ask = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            target += &format!("&{name}={}", client::escape(&value));
        }
    };
    ask("wan", args.wan.clone());
    ask("host", args.host.map(|host| host.to_string()));
    ask("protocol", args.protocol.clone());
    ask("port", args.port.map(|port| port.to_string()));
    target
}

/// The flows as text.
#[must_use]
pub fn render(flows: &Flows) -> String {
    let mut columns =
        Columns::new(&["PROTO", "INSIDE", "REMOTE", "PUBLIC", "WAN", "FROM", "STATE", ">AGE", ">LEFT", ">OUT", ">IN"]);
    for flow in &flows.flows {
        columns.row([
            flow.protocol.clone(),
            endpoint(flow, flow.inside, flow.inside_port),
            endpoint(flow, flow.remote, flow.remote_port),
            flow.public.map_or_else(|| "none".to_owned(), |address| address.to_string()),
            flow.wan.clone(),
            if flow.origin == "inbound" { "outside".to_owned() } else { "inside".to_owned() },
            flow.state.clone(),
            duration(flow.age_seconds),
            duration(flow.expires_seconds),
            bytes(flow.outbound.bytes),
            bytes(flow.inbound.bytes),
        ]);
    }
    let shown = flows.flows.len() as u64;
    let more = if shown < flows.matched { "; --limit shows more" } else { "" };
    format!("{}{shown} of {} flows{more}\n", if shown == 0 { String::new() } else { columns.render() }, flows.matched)
}

/// An address with what tells its flows apart: a port, an ICMP identifier (inside only), or nothing.
fn endpoint(flow: &Flow, address: IpAddr, port: u16) -> String {
    match (flow.protocol.as_str(), address) {
        ("tcp" | "udp", IpAddr::V4(address)) => format!("{address}:{port}"),
        ("tcp" | "udp", IpAddr::V6(address)) => format!("[{address}]:{port}"),
        ("icmp" | "icmp6", address) if address == flow.inside => format!("{address} id {port}"),
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
            wan: "fiber".into(),
            origin: "outbound".into(),
            state: "established".into(),
            age_seconds: 5,
            expires_seconds: 7440,
            outbound: Traffic { packets: 2, bytes: 2048 },
            inbound: Traffic { packets: 1, bytes: 60 },
        }
    }

    #[test]
    fn a_flow_is_one_line() {
        let mut inbound = flow("udp", "fd00:bad:b01::2", 53);
        inbound.origin = "inbound".into();
        inbound.public = None;
        let flows = vec![flow("tcp", "10.250.250.2", 4000), flow("icmp", "10.250.250.2", 77), inbound];
        let expected = "\
PROTO  INSIDE                REMOTE             PUBLIC       WAN    FROM     STATE        AGE   LEFT      OUT    IN
tcp    10.250.250.2:4000     203.0.113.5:443    192.0.2.193  fiber  inside   established   5s  2h04m  2.0 KiB  60 B
icmp   10.250.250.2 id 77    203.0.113.5        192.0.2.193  fiber  inside   established   5s  2h04m  2.0 KiB  60 B
udp    [fd00:bad:b01::2]:53  [2001:db8::5]:443  none         fiber  outside  established   5s  2h04m  2.0 KiB  60 B
3 of 9 flows; --limit shows more
";
        assert_eq!(render(&Flows { matched: 9, flows }), expected);
    }

    #[test]
    fn no_flows_is_one_line_without_a_heading() {
        assert_eq!(render(&Flows::default()), "0 of 0 flows\n");
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
        assert_eq!(target(&args), "/v1/flows?limit=100");
        args.wan = Some("a b".into());
        args.host = Some("fd00::1".parse().unwrap());
        args.port = Some(443);
        assert_eq!(target(&args), "/v1/flows?limit=100&wan=a%20b&host=fd00%3A%3A1&port=443");
    }
}
