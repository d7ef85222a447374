//! How a process that stays gives memory back to the system. The only `unsafe` of the command line is here.

/// What is larger is taken from the system by itself and given back at once, in bytes: texts of whole lists.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 128 * 1024;

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
