//! What this machine can enforce, found out once by trying.

use std::process::Stdio;
use std::sync::OnceLock;

use crate::Hold;
use crate::sys::{IdMaps, Steps, before_exec, landlock_version};
use crate::view::View;

/// What this machine can enforce, and how a person can mend what it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// The kernel's Landlock version, if it has one.
    pub landlock_version: Option<u32>,
    /// Whether a command can be given a view of the file system in which only listed paths are there.
    pub view: bool,
    /// Whether namespaces can only be made inside a user namespace.
    pub(crate) needs_user_namespace: bool,
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
    let (view, needs_user_namespace) = view();
    let (filesystem, file_fix) = filesystem(landlock_version, view);
    let (network, network_fix) = network();
    let fixes = [file_fix, network_fix].into_iter().flatten().map(String::from).collect();
    Support { landlock_version, view, needs_user_namespace, filesystem, network, fixes }
}

fn filesystem(version: Option<u32>, view: bool) -> (Hold, Option<&'static str>) {
    const NEWER: &str = "use Linux 6.2 or newer with `landlock` in the kernel's `lsm=` list";
    match (version, view) {
        (None, false) => {
            let why = "the kernel has no Landlock, or it is switched off, and no namespaces";
            (Hold::Discouraged { why: why.into() }, Some(NEWER))
        }
        (None, true) => {
            let why = "without Landlock other processes of the same user can be signalled and looked into";
            (Hold::Partly { why: why.into() }, Some(NEWER))
        }
        (Some(1 | 2), true) => {
            let why = "this kernel cannot refuse truncating a file by its path";
            let fix = "use Linux 6.2 or newer, whose Landlock also refuses to truncate files";
            (Hold::Partly { why: why.into() }, Some(fix))
        }
        (Some(_), false) => {
            let why =
                "programs that listen on a socket in the file system can be reached by its path";
            (Hold::Partly { why: why.into() }, Some(NAMESPACES))
        }
        (Some(_), true) => (Hold::Enforced, None),
    }
}

/// How to allow namespaces.
const NAMESPACES: &str = "allow user namespaces: `sysctl -w user.max_user_namespaces=10000`, and on Ubuntu \
     `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`";

/// Tries whether a command can have a view of its own, and whether only in a user namespace. A superuser who may do
/// without keeps the files of others as they are.
fn view() -> (bool, bool) {
    let is_root = nix::unistd::geteuid().is_root();
    let system =
        ["/usr", "/bin", "/lib", "/lib64", "/nix/store", "/etc"].map(std::path::PathBuf::from);
    let works = |user_namespace: Option<IdMaps>| {
        let view = View::of(&system, &[], None, std::path::Path::new("/usr"), true);
        view.is_some() && tried(Steps { user_namespace, view, ..Steps::default() }).is_ok()
    };
    if is_root && works(None) {
        return (true, false);
    }
    (works(Some(IdMaps::own())), true)
}

fn network() -> (Hold, Option<&'static str>) {
    let alone =
        Steps { user_namespace: Some(IdMaps::own()), private_network: true, ..Steps::default() };
    match tried(alone) {
        Ok(()) => (Hold::Enforced, None),
        Err(why) => (Hold::Discouraged { why }, Some(NAMESPACES)),
    }
}

/// Starts a command that does nothing, with `steps`, and says what became of it.
#[expect(clippy::disallowed_methods, reason = "starts `:` to see what this machine can hold")]
fn tried(steps: Steps) -> Result<(), String> {
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", ":"]).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    before_exec(&mut command, steps);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the trial ended with {status}")),
        Err(error) => Err(format!("a private namespace is refused: {error}")),
    }
}
