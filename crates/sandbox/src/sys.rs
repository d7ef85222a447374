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

use crate::view::{Bind, View};

/// What the child does between fork and exec, in this order. All of it is prepared before the fork.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Start a session (and process group) of its own.
    pub(crate) new_session: bool,
    /// Die when the thread that started it dies.
    pub(crate) die_with_parent: bool,
    /// The most bytes of private memory for each process.
    pub(crate) data_limit: Option<u64>,
    /// Become the one user of a user namespace first, with these maps: who may not make the others without.
    pub(crate) user_namespace: Option<IdMaps>,
    /// Enter a private network, its loopback raised.
    pub(crate) private_network: bool,
    /// See only this much of the file system.
    pub(crate) view: Option<View>,
    /// Give up what a superuser could use to get out.
    pub(crate) drop_powers: bool,
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
    enter_namespaces(steps)?;
    if let Some(view) = &steps.view {
        enter_view(view)?;
    }
    if steps.die_with_parent {
        // SAFETY: plain integers. After the id maps, whose change would reset it.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
    }
    if steps.drop_powers {
        for power in POWERS {
            // SAFETY: plain integers. One that this kernel does not know cannot be had either.
            let _ = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, power, 0, 0, 0) };
        }
    }
    if steps.ruleset.is_some() || steps.view.is_some() {
        // SAFETY: plain integers.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    }
    if let Some(ruleset) = &steps.ruleset {
        // SAFETY: the descriptor is open: the closure that calls this owns it.
        let done =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
        check(if done == 0 { 0 } else { -1 })?;
    }
    Ok(())
}

/// What lets a superuser out of a view or around its rules: to mount, trace, make devices, load code, open by handle.
/// Numbers of `linux/capability.h`.
const POWERS: [libc::c_ulong; 17] =
    [2, 9, 12, 16, 17, 19, 21, 22, 25, 27, 30, 32, 33, 34, 38, 39, 40];

fn enter_namespaces(steps: &Steps) -> io::Result<()> {
    let mut flags = 0;
    if steps.user_namespace.is_some() {
        flags |= libc::CLONE_NEWUSER;
    }
    if steps.private_network {
        flags |= libc::CLONE_NEWNET;
    }
    if steps.view.is_some() {
        flags |= libc::CLONE_NEWNS;
    }
    if flags == 0 {
        return Ok(());
    }
    // SAFETY: plain integers; the child has one thread, as a new user namespace demands.
    check(unsafe { libc::unshare(flags) })?;
    if let Some(maps) = &steps.user_namespace {
        write_file(c"/proc/self/setgroups", b"deny")?;
        write_file(c"/proc/self/uid_map", &maps.user)?;
        write_file(c"/proc/self/gid_map", &maps.group)?;
    }
    if steps.private_network { raise_loopback() } else { Ok(()) }
}

/// Puts the view together beside the present root, and makes it the root: as `bwrap` does it.
fn enter_view(view: &View) -> io::Result<()> {
    let (none, root, tmpfs) = (std::ptr::null(), c"/".as_ptr(), c"tmpfs".as_ptr());
    // SAFETY: every text ends with a zero byte and lives through the calls; the others are plain integers. The mount
    // namespace is this process's own, so that nothing of it is seen outside.
    unsafe {
        check(libc::mount(none, root, none, libc::MS_SLAVE | libc::MS_REC, std::ptr::null()))?;
        let flags = libc::MS_NOSUID | libc::MS_NODEV;
        check(libc::mount(tmpfs, view.base.as_ptr(), tmpfs, flags, c"mode=0755".as_ptr().cast()))?;
        check(libc::chdir(view.base.as_ptr()))?;
        check(libc::mkdir(c"newroot".as_ptr(), 0o755))?;
        check(libc::mkdir(c"oldroot".as_ptr(), 0o755))?;
        pivot(c".", c"oldroot")?;
        check(libc::chdir(root))?;
        let newroot = c"/newroot".as_ptr();
        check(libc::mount(newroot, newroot, none, libc::MS_BIND | libc::MS_REC, std::ptr::null()))?;
        for bind in &view.binds {
            put(bind)?;
        }
        for (to, at) in &view.links {
            // Where the devices are not listed there is no folder for them.
            let _ = libc::symlink(to.as_ptr(), at.as_ptr());
        }
        check(libc::umount2(c"/oldroot".as_ptr(), libc::MNT_DETACH))?;
        check(libc::chdir(newroot))?;
        pivot(c".", c".")?;
        check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
        check(libc::chdir(root))?;
        check(libc::chdir(view.cwd.as_ptr()))
    }
}

/// Makes one listed path appear.
///
/// # Safety
/// As [`enter_view`], in the middle of which it is.
unsafe fn put(bind: &Bind) -> io::Result<()> {
    let none = std::ptr::null();
    // SAFETY: the texts of `bind` end with a zero byte and live through the calls.
    unsafe {
        for parent in &bind.parents {
            // One that is there is what is wanted.
            let _ = libc::mkdir(parent.as_ptr(), 0o755);
        }
        if bind.is_folder {
            let _ = libc::mkdir(bind.target.as_ptr(), 0o755);
        } else {
            let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW;
            let fd = libc::open(bind.target.as_ptr(), flags, 0o644);
            if fd >= 0 {
                libc::close(fd);
            }
        }
        let flags = libc::MS_BIND | libc::MS_REC;
        let mounted =
            libc::mount(bind.source.as_ptr(), bind.target.as_ptr(), none, flags, none.cast());
        if mounted < 0 {
            let error = io::Error::last_os_error();
            // What went away since it was listed is not there.
            return if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
        }
        if bind.is_read_only { make_read_only(&bind.target) } else { Ok(()) }
    }
}

fn make_read_only(target: &CStr) -> io::Result<()> {
    /// `struct mount_attr` of `linux/mount.h`.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    const READ_ONLY: u64 = 1;
    let attributes = Attributes { set: READ_ONLY, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: both pointers are to values that live through the call, and the size is that of the second.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            std::mem::size_of::<Attributes>(),
        )
    };
    check(if done == 0 { 0 } else { -1 })
}

fn pivot(new: &CStr, old: &CStr) -> io::Result<()> {
    // SAFETY: both texts end with a zero byte and live through the call.
    let done = unsafe { libc::syscall(libc::SYS_pivot_root, new.as_ptr(), old.as_ptr()) };
    check(if done == 0 { 0 } else { -1 })
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
