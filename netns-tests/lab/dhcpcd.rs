//! A real DHCP client of both families on the router's link to ISP a. Must never know: any single claim, the servers.

use super::Daemon;
use flowpin::lab::Lab;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Starts dhcpcd on wan0. With `hook`, this repository's hook runs for it and calls `flowpin` for the lab's service.
pub fn dhcpcd(lab: &Lab, flowpin: &Path, hook: bool) -> Daemon {
    let directory = lab.directory().join("dhcpcd");
    let hooks = directory.join("hooks");
    fs::create_dir_all(&hooks).expect("directories");
    // For the hooks, which run with rights and paths of their own.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("rights");
    fs::write(directory.join("dhcpcd.conf"), CONFIGURATION).expect("a file");
    let program = directory.join("flowpin");
    let script = format!("#!/bin/sh\nexec {} \"$@\" --socket {}\n", flowpin.display(), lab.socket().display());
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("rights");
    if hook {
        let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/hooks/dhcpcd")).expect("the hook");
        fs::write(hooks.join("70-flowpin"), format!("FLOWPIN={}\n{text}", program.display())).expect("a file");
    }
    // Its directories are fixed: others lie over them, seen by it alone.
    let script = format!(
        "mkdir -p /run/dhcpcd /var/lib/dhcpcd
         mount -t tmpfs tmpfs /run/dhcpcd; mount -t tmpfs tmpfs /var/lib/dhcpcd
         mount --bind {} /usr/lib/dhcpcd/dhcpcd-hooks
         exec dhcpcd -B -d -f {}/dhcpcd.conf wan0",
        hooks.display(),
        directory.display()
    );
    Daemon::start(&lab.rt, &directory, "dhcpcd", &script)
}

/// The prefix is given to no link of the machine: it is flowpin's.
const CONFIGURATION: &str = "allowinterfaces wan0
duid
noipv4ll
noarp
interface wan0
  ipv6rs
  iaid 1
  ia_na 1
  ia_pd 2/::/60 -
";
