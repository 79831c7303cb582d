//! The service keeps two capabilities, its hooks none, and root becomes the user `flowpin` where the machine has one.

use crate::lab::{Daemon, flowpin, lab, run, start_with, wait_until};
use flowpin::lab::{Lab, Options};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// CAP_NET_ADMIN and CAP_NET_RAW (capabilities(7)).
const TWO: &str = "0000000000003000";
const NONE: &str = "0000000000000000";

/// A line of proc_pid_status(5).
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

fn has_two_capabilities(pid: u32) {
    // A thread may end while it is read; what the service has when it runs is four threads and more.
    let statuses = || -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the threads").flatten();
        tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok()).collect()
    };
    wait_until("the service has its threads", || statuses().len() > 3);
    for status in statuses() {
        let sets = ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"].map(|set| field(&status, set));
        assert_eq!(sets, [TWO, TWO, NONE, NONE, NONE], "{status}");
        assert_eq!((field(&status, "NoNewPrivs"), field(&status, "Seccomp")), ("1".into(), "2".into()), "{status}");
    }
}

fn browses(lab: &Lab) {
    for server in ["203.0.113.10", "2001:db8:ffff::10"] {
        run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", server]);
    }
}

#[test]
fn the_service_has_two_capabilities_and_its_hooks_have_none_and_may_not_mount() {
    let lab = lab(Options::default());
    let told = lab.directory().join("told");
    let script = lab.directory().join("hook.sh");
    let text = format!(
        "#!/bin/sh\n(cat /proc/self/status; mount -t tmpfs x /mnt 2>&1) > {0}.new; mv {0}.new {0}\n",
        told.display()
    );
    fs::write(&script, text).expect("the hook");
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it can be run");
    let mut router = start_with(&lab, &format!("{}\n[hooks]\non_event = [{script:?}]\n", lab.config()));
    has_two_capabilities(router.service().pid());
    browses(&lab);
    run(&lab.rt, "ip", &["link", "set", "wan1", "down"]);
    wait_until("the hook has run", || told.exists());
    let status = fs::read_to_string(&told).expect("what it wrote");
    for set in ["CapEff", "CapPrm", "CapBnd", "CapAmb"] {
        assert_eq!(field(&status, set), NONE, "{status}");
    }
    assert!(status.contains("Operation not permitted") || status.contains("permission denied"), "{status}");
    router.end_with_losses();
}

/// flowpin where the machine has a user `flowpin`, under other files of users and groups. A machine's TUN is open to
/// everybody; that of a container may not be, so here is one with `tun_mode`.
fn start_with_user(lab: &Lab, config: &str, tun_mode: &str) -> Daemon {
    let file = |name: &str, text: String| fs::write(lab.directory().join(name), text).expect("a file");
    let user = format!("flowpin:x:{UID}:{UID}::/:/bin/false\n");
    file("passwd", fs::read_to_string("/etc/passwd").expect("the users") + &user);
    file("group", fs::read_to_string("/etc/group").expect("the groups") + &format!("flowpin:x:{UID}:\n"));
    file("user.toml", config.to_owned());
    fs::create_dir_all(lab.directory().join("device")).expect("a directory");
    let script = format!(
        "mount --bind passwd /etc/passwd; mount --bind group /etc/group; mount -t tmpfs tmpfs device
         mknod -m {tun_mode} device/tun c 10 200; mount --bind device/tun /dev/net/tun
         exec {} run --config user.toml",
        flowpin().display()
    );
    Daemon::start(&lab.rt, lab.directory(), "flowpin", &script)
}

const UID: u32 = 61_999;

fn ids(service: &Daemon) -> [String; 2] {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).expect("a status");
    ["Uid", "Gid"].map(|name| field(&status, name))
}

fn answers(socket: &Path) {
    wait_until("it answers", || UnixStream::connect(socket).is_ok());
}

#[test]
fn started_by_root_it_becomes_the_user_flowpin_and_owns_its_directory() {
    let lab = lab(Options::default());
    fs::set_permissions(lab.directory(), Permissions::from_mode(0o755)).expect("permissions");
    let directory = lab.directory().join("run");
    let socket = directory.join("control.sock");
    let config = lab.config().replace(&format!("{:?}", lab.socket()), &format!("{socket:?}"));
    let config = config.replace("[control]", "[control]\ngroup = \"nogroup\"");
    // What a run as root had left there is the user's afterwards.
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("control.sock.lock"), "1\n").expect("a file");
    for _ in 0..2 {
        let service = start_with_user(&lab, &config, "666");
        answers(&socket);
        has_two_capabilities(service.pid());
        assert_eq!(ids(&service), [(); 2].map(|()| format!("{UID}\t{UID}\t{UID}\t{UID}")));
        for path in [&directory, &socket, &directory.join("control.sock.lock"), &directory.join("control.sock.state")] {
            assert_eq!(fs::metadata(path).expect("it is there").uid(), UID, "{}", path.display());
        }
        browses(&lab);
    }
}

#[test]
fn root_stays_root_where_the_directory_or_the_tun_is_not_the_users_and_says_so() {
    let lab = lab(Options::default());
    let mine = lab.directory().join("mine");
    let socket = mine.join("control.sock");
    fs::create_dir(&mine).expect("a directory");
    let own = lab.config().replace(&format!("{:?}", lab.socket()), &format!("{socket:?}"));
    let directory = "of the control socket is not the user flowpin's: say `chown";
    let device = "the user flowpin may not open /dev/net/tun: say `chmod 666 /dev/net/tun`";
    for (config, socket, mode, due) in [(lab.config(), lab.socket(), "666", directory), (own, socket, "600", device)] {
        let service = start_with_user(&lab, &config, mode);
        answers(&socket);
        assert_eq!(ids(&service), ["0\t0\t0\t0"; 2]);
        has_two_capabilities(service.pid());
        assert!(service.log().contains(due), "{}", service.log());
    }
}
