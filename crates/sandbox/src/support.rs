//! What this machine can enforce, found out once by trying.

use std::process::Stdio;
use std::sync::OnceLock;

use crate::Hold;
use crate::sys::{IdMaps, Steps, before_exec, landlock_version};

/// What this machine can enforce, and how a person can mend what it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// The kernel's Landlock version, if it has one.
    pub landlock_version: Option<u32>,
    /// How a list of paths would be held.
    pub filesystem: Hold,
    /// How a refused network would be held.
    pub network: Hold,
    /// What to do about what is not enforced, as sentences; empty where all is.
    pub fixes: Vec<String>,
}

/// Returns what this machine can enforce; tries it on the first call and remembers.
pub fn probe() -> &'static Support {
    static SUPPORT: OnceLock<Support> = OnceLock::new();
    SUPPORT.get_or_init(look)
}

fn look() -> Support {
    let landlock_version = landlock_version();
    let (filesystem, file_fix) = filesystem(landlock_version);
    let (network, network_fix) = network();
    let fixes = [file_fix, network_fix].into_iter().flatten().map(String::from).collect();
    Support { landlock_version, filesystem, network, fixes }
}

fn filesystem(version: Option<u32>) -> (Hold, Option<&'static str>) {
    match version {
        None => (
            Hold::Discouraged { why: "the kernel has no Landlock, or it is switched off".into() },
            Some("use Linux 6.2 or newer with `landlock` in the kernel's `lsm=` list"),
        ),
        Some(1 | 2) => (
            Hold::Partly { why: "this kernel cannot refuse truncating a file by its path".into() },
            Some("use Linux 6.2 or newer, whose Landlock also refuses to truncate files"),
        ),
        Some(_) => (Hold::Enforced, None),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "starts `true` to see whether a private network is possible"
)]
fn network() -> (Hold, Option<&'static str>) {
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", ":"]).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    before_exec(&mut command, Steps { private_network: Some(IdMaps::own()), ..Steps::default() });
    match command.status() {
        Ok(status) if status.success() => (Hold::Enforced, None),
        Ok(status) => (Hold::Discouraged { why: format!("the trial ended with {status}") }, None),
        Err(error) => (
            Hold::Discouraged { why: format!("a private network namespace is refused: {error}") },
            Some(
                "allow user namespaces: `sysctl -w user.max_user_namespaces=10000`, and on Ubuntu \
                 `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
            ),
        ),
    }
}
