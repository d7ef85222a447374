//! Finds out whether want of memory killed the program: the kernel's counters before and after.

use std::path::PathBuf;

use crate::record::{Oom, OomVerdict, StopCause};
use crate::shim::os::Reaped;

/// Counters at the start of an attempt.
#[derive(Debug)]
pub(crate) struct OomWatch {
    machine: Option<u64>,
    group: Option<(PathBuf, u64)>,
}

impl OomWatch {
    /// Reads the counters.
    pub(crate) fn start() -> Self {
        let group = own_group_events().and_then(|path| Some((path.clone(), group_kills(&path)?)));
        Self { machine: machine_kills(), group }
    }

    /// Judges the end `reaped`, `killed_here` telling whether this shim sent SIGKILL.
    pub(crate) fn judge(
        &self,
        reaped: Option<&Reaped>,
        killed_here: bool,
        cause: &StopCause,
    ) -> Oom {
        if let StopCause::MemoryLimit { used_bytes } = cause {
            let how =
                format!("its processes held {used_bytes} bytes, over the limit; ended by the shim");
            return Oom { verdict: OomVerdict::Yes, how };
        }
        let group =
            self.group.as_ref().and_then(|(path, before)| Some((group_kills(path)?, *before)));
        let machine = self.machine.and_then(|before| Some((machine_kills()?, before)));
        judge(reaped.is_some_and(was_killed), killed_here, group, machine)
    }
}

/// SIGKILL itself, or a shell's way of passing it on.
fn was_killed(reaped: &Reaped) -> bool {
    reaped.signal == Some(libc::SIGKILL) || reaped.exit_code == Some(128 + libc::SIGKILL)
}

fn judge(
    was_killed: bool,
    killed_here: bool,
    group: Option<(u64, u64)>,
    machine: Option<(u64, u64)>,
) -> Oom {
    let (verdict, how) = match (was_killed, killed_here, group, machine) {
        (false, _, _, _) => (OomVerdict::No, "it did not die by SIGKILL"),
        (true, true, _, _) => (OomVerdict::No, "the shim itself sent SIGKILL"),
        (true, false, Some((now, before)), _) if now > before => (
            OomVerdict::Likely,
            "SIGKILL from elsewhere, and `oom_kill` of its cgroup (shared with other lanes) rose",
        ),
        (true, false, _, Some((now, before))) if now > before => (
            OomVerdict::Likely,
            "SIGKILL from elsewhere, and the machine's `oom_kill` count rose in that time",
        ),
        (true, false, None, None) => (
            OomVerdict::Unknown,
            "SIGKILL from elsewhere, and this machine shows no count of memory kills",
        ),
        (true, false, _, _) => (
            OomVerdict::No,
            "SIGKILL from elsewhere, but no count of memory kills rose in that time",
        ),
    };
    Oom { verdict, how: how.to_owned() }
}

fn machine_kills() -> Option<u64> {
    counter(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn group_kills(events: &std::path::Path) -> Option<u64> {
    counter(&std::fs::read_to_string(events).ok()?)
}

fn counter(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// `memory.events` of this process's cgroup, where version 2 has the memory controller.
fn own_group_events() -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = PathBuf::from("/sys/fs/cgroup").join(own).join("memory.events");
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_from_elsewhere_is_judged_by_the_counters() {
        let verdict = |killed, here, group, machine| judge(killed, here, group, machine).verdict;
        assert_eq!(verdict(false, false, Some((2, 1)), Some((2, 1))), OomVerdict::No);
        assert_eq!(verdict(true, true, Some((2, 1)), Some((2, 1))), OomVerdict::No);
        assert_eq!(verdict(true, false, Some((2, 1)), None), OomVerdict::Likely);
        assert_eq!(verdict(true, false, None, Some((2, 1))), OomVerdict::Likely);
        assert_eq!(verdict(true, false, Some((1, 1)), Some((1, 1))), OomVerdict::No);
        assert_eq!(verdict(true, false, None, None), OomVerdict::Unknown);
    }

    #[test]
    fn the_counter_is_found_among_its_neighbours() {
        assert_eq!(counter("oom 3\noom_kill 7\noom_group_kill 1\n"), Some(7));
        assert_eq!(counter("pgfault 1\n"), None);
    }
}
