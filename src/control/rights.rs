//! Whether this process may do what the service has to do, told before anything is touched.
//! Must never know: what is done with the rights.

use std::fs;

/// Bits of the capability sets (include/uapi/linux/capability.h).
const NEEDED: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW")];

/// Checks for the capabilities that TUN, packet sockets, netlink and sysctls need, which this command uses.
///
/// # Errors
/// One sentence that names what is missing and how to get it.
pub fn check(command: &str) -> Result<(), String> {
    let status = fs::read_to_string("/proc/self/status");
    let status = status.map_err(|error| format!("cannot read /proc/self/status for this process's rights: {error}"))?;
    let missing = missing(effective(&status).unwrap_or(0));
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "`flowpin {command}` may not use the network as it must ({} missing): start it as root, or with these capabilities",
        missing.join(" and ")
    ))
}

/// proc_pid_status(5): the line `CapEff`, in hexadecimal.
fn effective(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

fn missing(effective: u64) -> Vec<&'static str> {
    NEEDED.iter().filter(|(bit, _)| effective >> bit & 1 == 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_are_named() {
        let status = |set: &str| format!("Name:\tflowpin\nCapPrm:\t000001ffffffffff\nCapEff:\t{set}\n");
        let missing_of = |set: &str| missing(effective(&status(set)).unwrap());
        assert_eq!(missing_of("000001ffffffffff"), Vec::<&str>::new());
        assert_eq!(missing_of("0000000000001000"), ["CAP_NET_RAW"]);
        assert_eq!(missing_of("0000000000000000"), ["CAP_NET_ADMIN", "CAP_NET_RAW"]);
        assert_eq!(effective("Name:\tflowpin\n"), None);
    }
}
