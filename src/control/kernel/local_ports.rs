//! The ports that the kernel gives its own sockets (`net.ipv4.ip_local_port_range`): answers to them would not reach it where
//! inside hosts have the same ones at the same address. Must never know: who has which port.

use super::plan::Plan;
use super::sysctl;
use crate::types::PortRange;

const SWITCH: &str = "net/ipv4/ip_local_port_range";

/// One sentence for each WAN whose inside hosts have ports that the kernel gives its own sockets.
pub(super) fn conflicts(plan: &Plan) -> Vec<String> {
    let Some(kernels) = sysctl::read(SWITCH).and_then(|text| read(&text)) else { return Vec::new() };
    plan.ports.iter().filter_map(|(wan, ports)| conflict(wan, *ports, kernels)).collect()
}

fn read(text: &str) -> Option<PortRange> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let (first, last) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (first <= last).then_some(PortRange { first, last })
}

fn conflict(wan: &str, ports: PortRange, kernels: PortRange) -> Option<String> {
    let is_apart = ports.last < kernels.first || kernels.last < ports.first;
    let sentence = || {
        format!(
            "the ports {ports} of [wan.masquerade] of WAN \"{wan}\" are among those that the kernel gives its own sockets \
             ({kernels}): write others as `ports`, or set {} apart from them",
            SWITCH.replace('/', ".")
        )
    };
    (!is_apart).then(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_the_kernel_gives_away_are_named() {
        let range = |first, last| PortRange { first, last };
        assert_eq!(read("32768\t60999"), Some(range(32768, 60999)));
        assert_eq!(read("9 1").or(read("")).or(read("x y")), None);
        let conflict = |first, last| conflict("lte", range(first, last), range(32768, 60999));
        assert_eq!(conflict(16384, 32767).or(conflict(61000, 65535)), None);
        let sentence = "the ports 30000-40000 of [wan.masquerade] of WAN \"lte\" are among those that the kernel gives its own \
                        sockets (32768-60999): write others as `ports`, or set net.ipv4.ip_local_port_range apart from them";
        assert_eq!(conflict(30000, 40000).as_deref(), Some(sentence));
        assert!(conflict(60999, 60999).is_some() && conflict(1024, 65535).is_some());
    }
}
