//! How an agent dies on purpose: by a real signal, as from a fault in its program.

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, raise};

use crate::{Error, Result};

/// Ends this process by SIGSEGV, without a core file. Returns only where the system refuses even that.
pub(super) fn by_segfault() -> Result<()> {
    // A core file of a demo would only fill somebody's disk.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // The first may be caught by the guard against stack overflow, which then takes itself away.
    for _ in 0..2 {
        let _ = raise(Signal::SIGSEGV);
    }
    let _ = raise(Signal::SIGKILL);
    Err(Error::Unexpected("the signal did not end this process".into()))
}
