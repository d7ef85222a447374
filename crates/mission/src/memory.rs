//! How a process that stays gives memory back to the system. The only `unsafe` of the command line is here.

use std::cell::Cell;
#[cfg(target_env = "gnu")]
use std::time::Duration;

use tokio::sync::Notify;

/// What is larger is taken from the system by itself and given back at once, in bytes: texts of whole lists.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 128 * 1024;

/// How long after work begins its memory is given back.
#[cfg(target_env = "gnu")]
const AFTER_WORK: Duration = Duration::from_secs(5);

static WORK: Notify = Notify::const_new();

thread_local! {
    /// Whether this thread did nothing but give memory back.
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// Lets few pools of memory be kept, and nothing large in them: each thread would have its own, as large as the largest
/// answer it ever made. To be called before there is a second thread.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "`mallopt` has no safe wrapper")]
pub(crate) fn give_back_early() {
    // SAFETY: it only sets numbers of the allocator, and no other thread is there that could read them.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
    }
}

/// Other allocators have no such pools.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back_early() {}

/// Gives back, a while after there was work, what lies free between what is still held: the largest page is long forgotten,
/// and its memory would stay. Never ends; it sleeps where there is no work. To be spawned on a runtime that tells of it.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "`malloc_trim` has no safe wrapper")]
pub(crate) async fn give_back_after_work() {
    loop {
        WORK.notified().await;
        tokio::time::sleep(AFTER_WORK).await;
        // SAFETY: it gives free pages of the allocator back to the system, under the allocator's own locks.
        unsafe {
            libc::malloc_trim(0);
        }
        IS_OWN.set(true);
    }
}

/// Other allocators do that by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) async fn give_back_after_work() {}

/// Tells that a thread of the runtime did something and has nothing more to do. What is done here is no such work.
pub(crate) fn has_worked() {
    if !IS_OWN.replace(false) {
        WORK.notify_waiters();
    }
}
