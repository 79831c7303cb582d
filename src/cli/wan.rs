//! `flowpin wan`: an operator's word about a WAN, told to the running service.
//! Must never know: what the service makes of it.

use super::args::WanArgs;
use super::{client, fail, say};
use crate::api::{Wan, WanOrder};
use std::process::ExitCode;

/// Tells, and prints how the WAN is then.
#[must_use]
pub fn wan(args: &WanArgs) -> ExitCode {
    let verb = args.verb.name().to_owned();
    let order = WanOrder { wan: args.name.clone(), verb, reason: args.reason.clone() };
    let answer = match client::post(&args.socket, "/v1/wan", &order) {
        Ok(answer) => answer,
        Err(sentence) => return fail(sentence),
    };
    if args.json {
        say(String::from_utf8_lossy(&answer));
        return ExitCode::SUCCESS;
    }
    match serde_json::from_slice::<Wan>(&answer) {
        Ok(wan) => {
            say(render(&wan));
            ExitCode::SUCCESS
        }
        Err(error) => fail(format_args!("the running flowpin speaks another version of this command: {error}")),
    }
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
