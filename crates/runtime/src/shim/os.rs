//! The calls of the system that have no safe wrapper: all of this crate's `unsafe` is here.
#![expect(
    unsafe_code,
    reason = "wait4's usage, the terminal's size and the steps between fork and exec; audited here"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::pty::Winsize;
use nix::sys::signal::SigSet;

/// A child that has been reaped, and what it used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reaped {
    pub(crate) pid: i32,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) core: bool,
    pub(crate) max_rss_bytes: u64,
    pub(crate) user_ms: u64,
    pub(crate) system_ms: u64,
}

impl Reaped {
    /// Whether a terminal that went away took it along.
    pub(crate) fn is_hung_up(&self) -> bool {
        self.signal == Some(libc::SIGHUP)
    }
}

/// What there is to reap.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reap {
    /// This one was reaped.
    One(Reaped),
    /// Children live, none has ended.
    NoneEnded,
    /// There is no child.
    NoChild,
}

/// Reaps one ended child of this process, adopted ones included, without waiting.
pub(crate) fn reap() -> io::Result<Reap> {
    let mut status: libc::c_int = 0;
    // SAFETY: all-zero is a valid `rusage`: it is plain integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals that outlast the call.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) };
    if pid == 0 {
        return Ok(Reap::NoneEnded);
    }
    if pid < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ECHILD) => Ok(Reap::NoChild),
            Some(libc::EINTR) => Ok(Reap::NoneEnded),
            Some(_) | None => Err(error),
        };
    }
    let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
    Ok(Reap::One(Reaped {
        pid,
        exit_code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal,
        core: signal.is_some() && libc::WCOREDUMP(status),
        max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        user_ms: millis(usage.ru_utime),
        system_ms: millis(usage.ru_stime),
    }))
}

fn millis(time: libc::timeval) -> u64 {
    u64::try_from(time.tv_sec * 1000 + time.tv_usec / 1000).unwrap_or(0)
}

/// Gives the child of `command` no blocked signals, whatever this process blocks for itself; with `is_on_terminal` it also leads a
/// session of its own whose terminal is its stdin.
pub(crate) fn prepare(command: &mut Command, is_on_terminal: bool) {
    let nothing_blocked = SigSet::empty();
    let enter = move || {
        nothing_blocked.thread_set_mask()?;
        if !is_on_terminal {
            return Ok(());
        }
        nix::unistd::setsid()?;
        // SAFETY: descriptor 0 is the terminal's slave side at this point; the call takes no pointer.
        match unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec only pthread_sigmask, setsid and ioctl are called, all async-signal-safe; nothing is allocated.
    unsafe { command.pre_exec(enter) };
}

/// Returns the size of the terminal `fd`.
pub(crate) fn window_size(fd: impl AsFd) -> io::Result<Winsize> {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a live local of the type that TIOCGWINSZ writes.
    let done = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(size) }
}

/// Sets the size of the terminal whose master side is `fd`; its programs get SIGWINCH.
pub(crate) fn set_window_size(fd: impl AsFd, size: &Winsize) -> io::Result<()> {
    // SAFETY: the pointer is to a live value of the type that TIOCSWINSZ reads.
    let done = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const *size) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
