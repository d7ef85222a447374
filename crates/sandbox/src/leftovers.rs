//! Finds and ends processes that outlive the command they belong to.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// The variable that marks every process of a run; its value names the run and the process that started it.
pub const RUN_MARK: &str = "MISSION_RUN";

/// A process of a run whose starter is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its process id.
    pub pid: i32,
    /// The run's mark.
    pub run: String,
    /// Its program and arguments, cut at 200 characters.
    pub command: String,
}

/// Returns a mark that no other run has: starter's pid, starter's start in clock ticks, and a count.
pub(crate) fn new_mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let pid = std::process::id().cast_signed();
    let started = start_ticks(pid).unwrap_or(0);
    format!("{pid}.{started}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the processes of runs whose starter no longer lives. Reads `/proc`; processes of other users are not seen.
pub fn leftovers() -> Vec<Leftover> {
    let own = std::process::id().cast_signed();
    let orphan = |pid: i32| {
        let run = mark_of(pid).filter(|_| pid != own)?;
        (!starter_lives(&run)).then(|| Leftover { pid, run, command: command_line(pid) })
    };
    pids().into_iter().filter_map(orphan).collect()
}

impl Leftover {
    /// Kills it; returns false where it is gone already.
    pub fn end(&self) -> bool {
        let is_same = mark_of(self.pid).is_some_and(|run| run == self.run);
        is_same && kill(Pid::from_raw(self.pid), Signal::SIGKILL).is_ok()
    }
}

/// Kills what is left of one run: its group, its session, and whatever carries its mark. Returns how many processes that were,
/// the leader not counted. New ones may be forked meanwhile, and a killed one still has to get its turn to die, so it
/// looks again until a look finds none; what cannot die, because the kernel holds it, is not waited for for ever.
pub(crate) fn end_run(leader: i32, mark: &str) -> usize {
    const PATIENCE: Duration = Duration::from_secs(5);
    const LOOK_AGAIN: Duration = Duration::from_millis(1);
    const EXEC: Duration = Duration::from_millis(100);
    let since = start_ticks(leader).unwrap_or(0);
    let begun = Instant::now();
    let alive = || -> Vec<i32> {
        let others = pids().into_iter().filter(|pid| *pid != leader);
        others.filter(|pid| is_alive_in_run(*pid, leader, mark)).collect()
    };
    // Its group is killed in one blow, before any of it can fork again: who was in it is looked at first.
    let mut ended: BTreeSet<_> = alive().into_iter().map(|pid| (pid, start_ticks(pid))).collect();
    let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    while begun.elapsed() < PATIENCE {
        let found = alive();
        let is_unclear =
            || begun.elapsed() < EXEC && pids().iter().any(|it| is_nameless(*it, since));
        // One that dies has lost its mark before it is gone.
        if found.is_empty() && !ended.iter().any(|it| lives(*it)) && !is_unclear() {
            break;
        }
        for pid in found {
            let started = start_ticks(pid);
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            ended.insert((pid, started));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    ended.len()
}

/// Returns the resident bytes of all processes of one run.
pub(crate) fn resident_bytes(leader: i32, mark: &str) -> u64 {
    let members = pids().into_iter().filter(|pid| is_alive_in_run(*pid, leader, mark));
    members.filter_map(resident_of).sum()
}

fn is_alive_in_run(pid: i32, leader: i32, mark: &str) -> bool {
    let Some(stat) = Stat::of(pid) else { return false };
    stat.is_alive()
        && (pid == leader
            || stat.group == leader
            || stat.session == leader
            || mark_of(pid).as_deref() == Some(mark))
}

/// Returns whether the process of this id that began then is no zombie yet.
fn lives((pid, started): (i32, Option<u64>)) -> bool {
    Stat::of(pid).is_some_and(|it| it.is_alive() && Some(it.start) == started)
}

/// Returns whether a process, begun at `since` or later, has no environment: in the middle of becoming another program it
/// has none for a moment, and its mark cannot be read.
fn is_nameless(pid: i32, since: u64) -> bool {
    let is_young = Stat::of(pid).is_some_and(|it| it.is_alive() && it.start >= since);
    is_young && fs::read(format!("/proc/{pid}/environ")).is_ok_and(|it| it.is_empty())
}

fn resident_of(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten()?;
    Some(pages * u64::try_from(page).ok()?)
}

fn pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn mark_of(pid: i32) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environ.split(|byte| *byte == 0);
    let value = entries.find_map(|e| e.strip_prefix(RUN_MARK.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn starter_lives(mark: &str) -> bool {
    let mut parts = mark.split('.').map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(pid)), Some(Ok(started))) => {
            i32::try_from(pid).ok().and_then(start_ticks) == Some(started)
        }
        // A mark that is not ours says nothing about its starter: leave the process alone.
        (Some(_) | None, Some(_) | None) => true,
    }
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    text.trim_end().chars().take(200).collect()
}

fn start_ticks(pid: i32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.start)
}

/// The fields of `/proc/PID/stat` that are used here.
struct Stat {
    state: u8,
    group: i32,
    session: i32,
    start: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; the fields begin after the last one.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.bytes().next()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Zombies are gone already: only their parent can take them away.
    fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }
}
