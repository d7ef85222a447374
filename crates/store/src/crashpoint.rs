//! Named places where a test can kill the process, to prove that nothing is lost there.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The places of this crate, in the order in which a change passes them.
pub const CRASHPOINTS: &[&str] = &[
    "append.before_insert",
    "append.before_commit",
    "append.after_commit",
    "rebuild.before_commit",
    "rebuild.after_commit",
    "migration.before_commit",
    "migration.after_commit",
    "backup.before_rename",
    "artifact.before_rename",
    "artifact.after_rename",
];

/// The place that the environment names, and how many passes are left until the end.
struct Armed {
    name: String,
    left: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Kills the process with SIGKILL when `MISSION_CRASH=name:nth` names this place for the nth time.
///
/// The crate that uses it lists its places in a constant `CRASHPOINTS` at its root; another name does
/// not compile. Unset, it costs one load.
/// With `, await` a simulation can end one of the processes that it plays here.
#[expect(clippy::crate_in_macro_def, reason = "each crate lists its own places")]
#[macro_export]
macro_rules! crashpoint {
    ($name:literal) => {{
        const { assert!($crate::is_listed(crate::CRASHPOINTS, $name), "list the crash point") };
        $crate::pass($name);
    }};
    ($name:literal, await) => {{
        $crate::crashpoint!($name);
        #[cfg(feature = "simulation")]
        $crate::simulation::pass($name).await;
    }};
}

/// Returns the places of this crate.
pub fn crashpoints() -> &'static [&'static str] {
    CRASHPOINTS
}

/// Returns whether `name` is one of `points`.
#[doc(hidden)]
pub const fn is_listed(points: &[&str], name: &str) -> bool {
    let mut point = 0;
    while point < points.len() {
        if is_same(points[point].as_bytes(), name.as_bytes()) {
            return true;
        }
        point += 1;
    }
    false
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Counts one pass of `name` and ends the process when it is the one.
#[doc(hidden)]
pub fn pass(name: &str) {
    let Some(armed) = ARMED.get_or_init(armed_by_environment) else { return };
    if armed.name == name && armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        let own = nix::unistd::Pid::this();
        // It cannot fail: a process may always signal itself.
        let _ = nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGKILL);
    }
}

fn armed_by_environment() -> Option<Armed> {
    let text = std::env::var("MISSION_CRASH").ok()?;
    let (name, nth) = text.rsplit_once(':')?;
    let left = AtomicU64::new(nth.parse().ok().filter(|nth| *nth > 0)?);
    Some(Armed { name: name.into(), left })
}

/// Ends a process that is only played: whoever passes the place goes no further.
#[cfg(feature = "simulation")]
pub mod simulation {
    use std::cell::RefCell;

    /// Where the process ends, and what is done then.
    type End = (&'static str, Box<dyn FnOnce() + Send>);

    thread_local! {
        static END: RefCell<Option<End>> = const { RefCell::new(None) };
    }

    /// Lets the process that this thread plays end at the next pass of `point`: `end` is called, and nothing
    /// of what passed there goes on.
    pub fn end_at(point: &'static str, end: impl FnOnce() + Send + 'static) {
        END.set(Some((point, Box::new(end))));
    }

    /// Lets it live on; returns whether it was still to end.
    pub fn live() -> bool {
        END.take().is_some()
    }

    /// Passes `point`, or ends there.
    #[doc(hidden)]
    pub async fn pass(point: &str) {
        let end = END.with_borrow_mut(|end| end.take_if(|it| it.0 == point));
        if let Some((_, end)) = end {
            end();
            std::future::pending::<()>().await;
        }
    }
}
