//! Reads processes from `/proc`: who descends from whom, since when, and what they use.

use std::collections::{BTreeMap, BTreeSet};

/// One process, as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub parent: i32,
    /// Its session.
    pub session: i32,
    /// Its name, at most 15 bytes.
    pub comm: String,
    /// Whether it has ended and waits to be reaped.
    pub is_zombie: bool,
    /// Its start in clock ticks since boot.
    pub start_time: u64,
    /// Processor time of it and of its children that it waited for, in clock ticks.
    pub cpu_ticks: u64,
    /// Resident pages.
    pub rss_pages: u64,
}

/// Returns the process `pid`, if there is one.
pub fn process(pid: i32) -> Option<Process> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&String::from_utf8_lossy(&stat))
}

/// Returns whether the process `pid` that started at `start_time` still runs.
pub fn is_alive(pid: i32, start_time: u64) -> bool {
    process(pid).is_some_and(|p| p.start_time == start_time && !p.is_zombie)
}

/// Returns the shim that `pid` runs under, where it is a lane's: whatever a lane starts stays below its shim, which adopts
/// all orphans.
pub fn lane_of(pid: i32) -> Option<i32> {
    let mut at = process(pid)?.parent;
    while at > 1 {
        if is_shim(at) {
            return Some(at);
        }
        at = process(at)?.parent;
    }
    None
}

/// Returns whether somebody who runs under the shim `theirs` may speak to the process `ours`: who belongs to the same
/// lane, to the lane that `ours` keeps, or to none.
pub fn may_speak(theirs: Option<i32>, ours: i32) -> bool {
    theirs.is_none_or(|theirs| theirs == ours || Some(theirs) == lane_of(ours))
}

pub(crate) fn is_shim(pid: i32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"lane-shim")
}

/// Returns every process that can be seen.
pub fn all() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

/// Returns the descendants of `root`, itself left out.
pub fn descendants(root: i32) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            if seen.insert(child.pid) {
                next.push(child.pid);
                found.push(child);
            }
        }
    }
    found
}

/// Returns the descendants of `root` by asking each process for its children, which costs what the tree is large and not what
/// the machine is. One that begins or ends meanwhile may be missing (proc(5), `children`): for sums, not for ending a tree.
pub fn tree_of(root: i32) -> Vec<Process> {
    let own = std::process::id();
    if !std::path::Path::new(&format!("/proc/{own}/task/{own}/children")).exists() {
        // The kernel was built without that file.
        return descendants(root);
    }
    let mut found = BTreeMap::new();
    let mut next = children(root);
    while let Some(pid) = next.pop() {
        if let Some(process) = process(pid).filter(|_| !found.contains_key(&pid)) {
            found.insert(pid, process);
            next.extend(children(pid));
        }
    }
    found.into_values().collect()
}

/// Returns the children of `pid`.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    if std::path::Path::new("/proc/thread-self/children").exists() {
        return children(pid);
    }
    all().into_iter().filter(|it| it.parent == pid).map(|it| it.pid).collect()
}

/// Returns whether each thread of `pid` is stopped or has ended. Of one that is gone that is not known.
pub(crate) fn is_halted(pid: i32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let states = threads.map(|it| {
        let stat = std::fs::read(it.ok()?.path().join("stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat).into_owned();
        Some(matches!(stat.rsplit_once(") ")?.1.chars().next()?, 'T' | 't' | 'Z' | 'X'))
    });
    let states: Vec<_> = states.collect();
    !states.is_empty() && states.into_iter().all(|it| it == Some(true))
}

/// Returns the children of every thread of `pid`.
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let listed = threads.flatten().filter_map(|it| {
        let listed = std::fs::read_to_string(it.path().join("children")).ok()?;
        Some(listed.split_whitespace().filter_map(|it| it.parse().ok()).collect::<Vec<i32>>())
    });
    listed.flatten().collect()
}

/// Returns the processes whose environment holds the line `NAME=value`, as far as this user may look.
pub fn with_environment(line: &str) -> Vec<Process> {
    let holds = |p: &Process| {
        let environment = std::fs::read(format!("/proc/{}/environ", p.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == line.as_bytes())
    };
    all().into_iter().filter(holds).collect()
}

/// Fields are counted from the end of the name, which may hold spaces and parentheses itself.
fn parse(stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (pid, comm) = head.split_once('(')?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        pid: pid.trim().parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        comm: comm.to_owned(),
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        start_time: number(19)?,
        cpu_ticks: (11..=14).filter_map(number).sum(),
        rss_pages: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_read() {
        let line = "42 (a) b (c) S 7 42 41 0 -1 4194560 1 2 0 0 10 20 30 40 20 0 1 0 777 9000 55 0";
        let read = parse(line).unwrap();
        assert_eq!((read.pid, read.parent, read.session), (42, 7, 41));
        assert_eq!((read.comm.as_str(), read.start_time), ("a) b (c", 777));
        assert_eq!((read.cpu_ticks, read.rss_pages), (100, 55));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test is about processes")]
    fn a_tree_that_is_asked_for_its_children_is_the_one_that_is_found_by_parents() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & echo ready; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).unwrap();
        let root = child.id().cast_signed();
        let names = |all: Vec<Process>| all.into_iter().map(|it| it.pid).collect::<BTreeSet<_>>();
        let (asked, found) = (names(tree_of(root)), names(descendants(root)));
        for pid in &found {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), nix::sys::signal::SIGKILL)
                .unwrap();
        }
        child.wait().unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked, found);
    }

    #[test]
    fn this_process_is_alive_and_its_double_is_not() {
        let me = process(std::process::id().cast_signed()).unwrap();
        assert!(is_alive(me.pid, me.start_time));
        assert!(!is_alive(me.pid, me.start_time + 1));
    }
}
