//! What to do about a lane whose shim is gone without an exit record: find what it had started, end it, say what was seen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::files::{LaneFiles, ProcessCard};
use crate::proc_tree::{self, Process};
use crate::record::{Lost, Orphan, Record};
use crate::record_log::{RecordLog, read_after};
use crate::runner::unread::Unread;
use crate::shim::journal;

/// The longest that killed processes are waited for.
const KILLED: Duration = Duration::from_secs(2);

/// Ends what is left of the lane `files`. Blocks for up to two seconds. A second call finds nothing and says the same otherwise.
pub(crate) fn take_down(files: &LaneFiles) -> Lost {
    // Whoever makes the records first has the lane: a shim that comes after all starts nothing.
    let _ = RecordLog::create(&files.records());
    let card = ProcessCard::read(&files.shim());
    let records = read_after(&files.records(), 0).unwrap_or_default();
    let program = records.iter().rev().find_map(|r| match &r.record {
        Record::Started { pid, pid_start_time, output, .. } => {
            Some(((*pid, *pid_start_time), output.clone()))
        }
        Record::TurnDelivered { .. }
        | Record::TurnEnded { .. }
        | Record::Report { .. }
        | Record::Evidence { .. }
        | Record::Approval { .. }
        | Record::Input { .. }
        | Record::Session { .. }
        | Record::Steered { .. }
        | Record::Answered { .. }
        | Record::TookOver { .. }
        | Record::Typed { .. }
        | Record::GaveBack { .. }
        | Record::Exited { .. }
        | Record::Unknown => None,
    });
    let (program, output) = program.unzip();
    let was_running = program.is_some_and(|(pid, start)| proc_tree::is_alive(pid, start));
    let mut unread = Unread::of(output.unwrap_or_default());
    let orphans = end_all(program, card.as_ref(), &mut unread);
    let unread = unread.keep(&files.journal());
    let shim = match (&card, files.dir().is_dir()) {
        (Some(card), _) => format!("the shim (pid {}) is gone without an exit record", card.pid),
        (None, true) => "no shim ever came up in this lane".to_owned(),
        (None, false) => format!("the lane's folder `{}` is not there", files.dir().display()),
    };
    let child = match (program, was_running) {
        (Some((pid, _)), true) => {
            format!("the program (pid {pid}) was still running and was ended")
        }
        (Some((pid, _)), false) => format!("the program (pid {pid}) was not running any more"),
        (None, _) => "no record names a program".to_owned(),
    };
    let last_output = journal::end_of(&files.journal());
    Lost {
        seen: format!("{shim}; {child}; {unread}"),
        pid: program.map(|(pid, _)| pid),
        orphans,
        last_output,
    }
}

/// Kills round after round until nothing of the lane is left, since what is being killed may still make processes.
/// `unread` gets hold of the program's output first.
fn end_all(
    program: Option<(i32, u64)>,
    card: Option<&ProcessCard>,
    unread: &mut Unread,
) -> Vec<Orphan> {
    let mut found: BTreeMap<i32, Orphan> = BTreeMap::new();
    let began = Instant::now();
    loop {
        let living = of_lane(program, card);
        unread.reach(&living);
        for process in &living {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            let orphan = Orphan { pid: process.pid, comm: process.comm.clone(), ended: false };
            found.entry(process.pid).or_insert(orphan);
        }
        if living.is_empty() || began.elapsed() > KILLED {
            let left: Vec<i32> = living.iter().map(|p| p.pid).collect();
            found.values_mut().for_each(|orphan| orphan.ended = !left.contains(&orphan.pid));
            return found.into_values().collect();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The program that the records name, its descendants and its session, and whatever carries the lane's socket in its environment:
/// orphans of a dead shim have another parent, and some have left the session.
fn of_lane(program: Option<(i32, u64)>, card: Option<&ProcessCard>) -> Vec<Process> {
    let mut found: BTreeMap<i32, Process> = BTreeMap::new();
    if let Some((pid, start)) = program.filter(|(pid, start)| proc_tree::is_alive(*pid, *start)) {
        let same_session = |p: &Process| p.pid == pid && p.start_time == start || p.session == pid;
        let all = proc_tree::all().into_iter().filter(same_session);
        found.extend(all.chain(proc_tree::descendants(pid)).map(|p| (p.pid, p)));
    }
    if let Some(card) = card {
        let line = format!("MISSION_SOCKET={}", card.socket.display());
        found.extend(proc_tree::with_environment(&line).into_iter().map(|p| (p.pid, p)));
    }
    found.remove(&std::process::id().cast_signed());
    found.into_values().filter(|p| !p.is_zombie).collect()
}
