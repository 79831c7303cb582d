//! The user that the service runs as, where root has started it: `flowpin`, if the machine has one and the directory of the
//! control socket is that user's. Must never know: capabilities.

use crate::config::settings::Control;
use crate::control::socket::group_id;
use nix::unistd::{Gid, Uid, User, geteuid, getgrouplist, getgroups, setgroups, setresgid, setresuid};
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

/// Name of the user, as in the systemd unit.
const NAME: &str = "flowpin";

/// A user with groups.
#[derive(Debug)]
pub(super) struct Identity {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// Root joins the group that the control socket is for: without capabilities only a member may give it a file.
///
/// # Errors
/// One sentence.
pub(super) fn join_group(control: &Control) -> Result<(), String> {
    let Some(group) = group_of(control)?.filter(|_| geteuid().is_root()) else { return Ok(()) };
    let groups = getgroups().map(|groups| [&groups[..], &[group]].concat());
    let joined = groups.and_then(|groups| setgroups(&groups));
    joined.map_err(|error| format!("cannot join the group {group} (`group` in [control]): {error}"))
}

fn group_of(control: &Control) -> Result<Option<Gid>, String> {
    control.group.as_deref().map(|name| group_id(name).map(Gid::from_raw)).transpose()
}

/// The user to become, who owns the directory of the control socket from now on, and what earlier runs left there; `None`:
/// this is not root, or root stays root, which is said in the log.
///
/// # Errors
/// One sentence.
pub(super) fn own(control: &Control) -> Result<Option<Identity>, String> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = User::from_name(NAME).map_err(|error| format!("cannot look for the user {NAME}: {error}"))?;
    let Some(user) = user else {
        tracing::info!("running as root: with a user {NAME} (`useradd --system {NAME}`) it would become that user");
        return Ok(None);
    };
    if !may_open_tun(&user) {
        tracing::warn!("running as root: the user {NAME} may not open {TUN}: say `chmod 666 {TUN}`");
        return Ok(None);
    }
    let directory = control.socket.parent().unwrap_or(Path::new("/"));
    if !hand_over(directory, control, &user) {
        tracing::warn!(
            "running as root: the directory {0} of the control socket is not the user {NAME}'s: say `chown {NAME} {0}`",
            directory.display()
        );
        return Ok(None);
    }
    let name = CString::new(NAME).map_err(|error| error.to_string())?;
    let mut groups =
        getgrouplist(&name, user.gid).map_err(|error| format!("cannot read the groups of {NAME}: {error}"))?;
    groups.extend(group_of(control)?);
    Ok(Some(Identity { uid: user.uid, gid: user.gid, groups }))
}

const TUN: &str = "/dev/net/tun";

/// Whether the user may, as everybody may on most machines: the right to make a TUN is a capability.
fn may_open_tun(user: &User) -> bool {
    // Who knows better says so when it is opened.
    let Ok(found) = fs::metadata(TUN) else { return true };
    let grants = |shift: u32| found.mode() >> shift & 0o6 == 0o6;
    grants(0) || found.uid() == user.uid.as_raw() && grants(6) || found.gid() == user.gid.as_raw() && grants(3)
}

/// Gives the directory to the user if it is empty or holds nothing but what an earlier run left. Whether it is the user's.
fn hand_over(directory: &Path, control: &Control, user: &User) -> bool {
    let left = control.socket.as_os_str().as_encoded_bytes();
    let is_left = |path: &PathBuf| path.as_os_str().as_encoded_bytes().starts_with(left);
    let is_theirs = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.uid() == user.uid.as_raw());
    let Ok(entries) = fs::read_dir(directory) else { return false };
    let (left, others): (Vec<_>, Vec<_>) = entries.flatten().map(|entry| entry.path()).partition(is_left);
    if !is_theirs(directory) && !others.is_empty() {
        return false;
    }
    // The user may have put a link there: it is the link that is given, not what it leads to.
    let give = |path: &Path| lchown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).is_ok();
    left.iter().map(PathBuf::as_path).chain([directory]).all(|path| is_theirs(path) || give(path))
}

impl Identity {
    /// Becomes it, for good.
    ///
    /// # Errors
    /// The system's.
    pub fn take(&self) -> nix::Result<()> {
        setgroups(&self.groups)?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)
    }
}
