//! The system calls that have no safe wrapper. Everything `unsafe` in this crate is in this file.
#![expect(
    unsafe_code,
    reason = "steps between fork and exec, landlock's and wait4's raw calls; audited here"
)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What the child does between fork and exec, in this order. All of it is prepared before the fork.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Start a session (and process group) of its own.
    pub(crate) new_session: bool,
    /// Die when the thread that started it dies.
    pub(crate) die_with_parent: bool,
    /// The most bytes of private memory for each process.
    pub(crate) data_limit: Option<u64>,
    /// Enter a private network with these user and group maps.
    pub(crate) private_network: Option<IdMaps>,
    /// Obey this ruleset.
    pub(crate) ruleset: Option<OwnedFd>,
}

/// The one-line maps that keep the user's own ids inside a user namespace.
#[derive(Debug, Clone)]
pub(crate) struct IdMaps {
    user: Vec<u8>,
    group: Vec<u8>,
}

impl IdMaps {
    /// Maps the caller's ids to themselves.
    pub(crate) fn own() -> Self {
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        Self { user: format!("{user} {user} 1").into(), group: format!("{group} {group} 1").into() }
    }
}

/// Makes `command` take `steps` in the child; a step that fails fails the start.
pub(crate) fn before_exec(command: &mut Command, steps: Steps) {
    // SAFETY: the closure runs in the forked child and only makes async-signal-safe system calls on data that was
    // allocated before the fork: no allocation, no locks, no panics.
    unsafe {
        command.pre_exec(move || take(&steps));
    }
}

fn take(steps: &Steps) -> io::Result<()> {
    if steps.new_session {
        // SAFETY: takes no pointers. It can only fail where the child already leads a group, which a fork does not.
        check(unsafe { libc::setsid() })?;
    }
    if let Some(bytes) = steps.data_limit {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: `limit` lives through the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) })?;
    }
    if let Some(maps) = &steps.private_network {
        enter_private_network(maps)?;
    }
    if steps.die_with_parent {
        // SAFETY: plain integers. After the id maps, whose change would reset it.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
    }
    if let Some(ruleset) = &steps.ruleset {
        // SAFETY: plain integers.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        // SAFETY: the descriptor is open: the closure that calls this owns it.
        let done =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
        check(if done == 0 { 0 } else { -1 })?;
    }
    Ok(())
}

fn enter_private_network(maps: &IdMaps) -> io::Result<()> {
    // SAFETY: plain integers; the child has one thread, as a new user namespace demands.
    check(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) })?;
    write_file(c"/proc/self/setgroups", b"deny")?;
    write_file(c"/proc/self/uid_map", &maps.user)?;
    write_file(c"/proc/self/gid_map", &maps.group)?;
    raise_loopback()
}

fn write_file(path: &CStr, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: `path` ends with a zero byte and `bytes` is as long as it says; the descriptor is closed below.
    let (fd, written) = unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(fd)?;
        let written = libc::write(fd, bytes.as_ptr().cast(), bytes.len());
        (fd, if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) })
    };
    // SAFETY: `fd` was opened above and is used nowhere else.
    unsafe { libc::close(fd) };
    written
}

/// Sets the new namespace's loopback interface up: local servers under test need it.
fn raise_loopback() -> io::Result<()> {
    // SAFETY: `request` is a zeroed plain struct with the interface's name, and lives through both calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(socket)?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l'.cast_signed() as libc::c_char;
        request.ifr_name[1] = b'o'.cast_signed() as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let raised = check(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw mut request));
        libc::close(socket);
        raised
    }
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Returns the kernel's Landlock version, or `None` where it has none or it is switched off.
pub(crate) fn landlock_version() -> Option<u32> {
    const VERSION: u32 = 1;
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel takes a null pointer of size 0 and only returns a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Takes the ended child `pid` off the kernel's list; returns its raw wait status and the largest resident memory,
/// in bytes, of any one process that it waited for, itself included.
pub(crate) fn reap(pid: i32) -> io::Result<(i32, u64)> {
    let mut status = 0;
    // SAFETY: all zeroes is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live locals.
        let answer = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        match check(answer) {
            Ok(()) => return Ok((status, u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
