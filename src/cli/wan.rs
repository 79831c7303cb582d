//! `flowpin wan`: an operator's word about a WAN, told to the running service.
//! Must never know: what the service makes of it.

use super::args::{WanArgs, WanVerb};
use super::columns::duration;
use super::{EXIT_BAD_CONFIG, client, complain, fail, say};
use crate::api::{Lease, PrefixCommand, Wan, WanCommand};
use crate::config::file::seconds;
use std::process::ExitCode;

/// Tells, and prints how the WAN is then.
#[must_use]
pub fn wan(args: &WanArgs) -> ExitCode {
    let command = match command(args) {
        Ok(command) => command,
        Err(sentence) => {
            complain(sentence);
            return ExitCode::from(EXIT_BAD_CONFIG);
        }
    };
    let answer = match &command {
        OperatorCommand::Treat(command) => client::post(&args.socket, "/v1/wan", command),
        OperatorCommand::Prefix(command) => client::post(&args.socket, "/v1/wan/prefix", command),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(sentence) => return fail(sentence),
    };
    if args.json {
        say(String::from_utf8_lossy(&answer));
        return ExitCode::SUCCESS;
    }
    match serde_json::from_slice::<Wan>(&answer) {
        Ok(wan) => {
            say(if let OperatorCommand::Prefix(_) = command { prefixes(&wan) } else { render(&wan) });
            ExitCode::SUCCESS
        }
        Err(error) => fail(format_args!("the running flowpin speaks another version of this command: {error}")),
    }
}

/// What is said.
#[derive(PartialEq, Eq, Debug)]
enum OperatorCommand {
    Treat(WanCommand),
    Prefix(PrefixCommand),
}

/// What the words mean, or in one sentence why they mean nothing.
fn command(args: &WanArgs) -> Result<OperatorCommand, String> {
    const SHAPE: &str = "write `flowpin wan NAME set prefix PREFIX [valid-for TIME]`";
    let (wan, verb) = (args.name.clone(), args.verb.name().to_owned());
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    let (prefix, time) = match (args.verb, &words[..]) {
        (WanVerb::Set, ["prefix", prefix]) => (prefix, None),
        (WanVerb::Set, ["prefix", prefix, "valid-for", time]) => (prefix, Some(time)),
        (WanVerb::Set, _) => return Err(SHAPE.to_owned()),
        (_, []) => return Ok(OperatorCommand::Treat(WanCommand { wan, verb, reason: args.reason.clone() })),
        (_, [word, ..]) => return Err(format!("\"{word}\" behind `{verb}` means nothing: {SHAPE} to set a prefix")),
    };
    if args.reason.is_some() {
        return Err(format!("`set` takes no --reason: {SHAPE}"));
    }
    let valid_seconds = match time {
        None => None,
        Some(time) => {
            let seconds = seconds(time);
            let wrong = || format!("\"{time}\" is no time: write it such as 2h4m, or as a number of seconds");
            // A lifetime of all ones has no end (RFC 8415 §7.7).
            Some(u32::try_from(seconds.ok_or_else(wrong)?).unwrap_or(u32::MAX)).filter(|seconds| *seconds < u32::MAX)
        }
    };
    Ok(OperatorCommand::Prefix(PrefixCommand { wan, prefix: (*prefix).to_owned(), valid_seconds }))
}

/// One line per IPv6 prefix, the current one first.
fn prefixes(wan: &Wan) -> String {
    let line = |it: &Lease| {
        let flows = if it.current { "new flows" } else { "its flows" };
        let valid = it.valid_seconds.map(|seconds| format!(", valid for {}", duration(seconds)));
        format!("{}: {} for {flows} ({}{})", wan.name, it.address, it.reason, valid.unwrap_or_default())
    };
    let lines: Vec<_> = wan.leases.iter().filter(|it| it.address.contains(':')).map(line).collect();
    if lines.is_empty() { format!("{} has no prefix", wan.name) } else { lines.join("\n") }
}

/// One line per family, such as `fiber ipv4: drained (drain by hand: new modem)`.
fn render(wan: &Wan) -> String {
    let line = |it: &crate::api::Health| format!("{} {}: {} ({})", wan.name, it.family, it.state, it.reason);
    wan.health.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Health;

    fn words(text: &str) -> Result<OperatorCommand, String> {
        use clap::Parser;
        let line = format!("flowpin wan fiber {text}");
        let parsed = crate::cli::args::Cli::try_parse_from(line.split(' ')).unwrap();
        let crate::cli::args::Command::Wan(args) = parsed.command else { panic!("another command") };
        command(&args)
    }

    #[test]
    fn a_prefix_is_said_with_or_without_its_time() {
        let prefix = |valid_seconds| {
            let (wan, prefix) = ("fiber".into(), "2001:db8::/60".into());
            Ok(OperatorCommand::Prefix(PrefixCommand { wan, prefix, valid_seconds }))
        };
        assert_eq!(words("set prefix 2001:db8::/60"), prefix(None));
        for (time, seconds) in [("2h4m", 7440), ("7440", 7440), ("0", 0), ("0s", 0)] {
            assert_eq!(words(&format!("set prefix 2001:db8::/60 valid-for {time}")), prefix(Some(seconds)));
        }
        assert_eq!(words("set prefix 2001:db8::/60 valid-for 4294967295"), prefix(None), "for ever");
    }

    #[test]
    fn words_that_mean_nothing_are_refused_in_one_sentence() {
        let shape = "write `flowpin wan NAME set prefix PREFIX [valid-for TIME]`";
        assert_eq!(words("set"), Err(shape.into()));
        assert_eq!(words("set prefix 2001:db8::/60 for 5"), Err(shape.into()));
        assert_eq!(
            words("drain prefix"),
            Err(format!("\"prefix\" behind `drain` means nothing: {shape} to set a prefix"))
        );
        assert_eq!(words("set prefix x --reason y"), Err(format!("`set` takes no --reason: {shape}")));
        let no_time = "\"soon\" is no time: write it such as 2h4m, or as a number of seconds";
        assert_eq!(words("set prefix 2001:db8::/60 valid-for soon"), Err(no_time.into()));
    }

    #[test]
    fn what_it_holds_then_is_a_line_per_prefix() {
        let lease = |address: &str, current, valid_seconds| Lease {
            address: address.into(),
            current,
            reason: "set by hand".into(),
            valid_seconds,
        };
        let leases = vec![
            lease("192.0.2.1", true, None),
            lease("2001:db8:d::/60", true, None),
            lease("2001:db8:c::/60", false, Some(3)),
        ];
        let wan = Wan { name: "fiber".into(), leases, ..Wan::default() };
        let expected = "fiber: 2001:db8:d::/60 for new flows (set by hand)\n\
                        fiber: 2001:db8:c::/60 for its flows (set by hand, valid for 3s)";
        assert_eq!(prefixes(&wan), expected);
        assert_eq!(prefixes(&Wan { name: "lte".into(), ..Wan::default() }), "lte has no prefix");
    }

    #[test]
    fn what_came_of_it_is_a_line_per_family() {
        let health = |family: &str, state: &str, reason: &str| Health {
            family: family.into(),
            state: state.into(),
            reason: reason.into(),
            ..Health::default()
        };
        let families = vec![
            health("ipv4", "drained", "drain by hand: new modem"),
            health("ipv6", "no-gateway", "no gateway is known"),
        ];
        let wan = Wan { name: "fiber".into(), health: families, ..Wan::default() };
        let expected = "fiber ipv4: drained (drain by hand: new modem)\nfiber ipv6: no-gateway (no gateway is known)";
        assert_eq!(render(&wan), expected);
    }
}
