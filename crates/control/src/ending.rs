//! The end of an attempt in words: its class, its sentence, its death report.

use mission_domain::doc::DeathDoc;
use mission_domain::ticket::{EndClass, Report};
use mission_runtime::agent::{TurnEnd, TurnHow};
use mission_runtime::death::DeathClass;
use mission_runtime::record::{ExitRecord, LastTool, OomVerdict, StopCause};

/// Returns the bounds that were not enforced, in words; nothing where the program never ran.
pub(crate) fn unheld(exit: &ExitRecord) -> Vec<String> {
    match &exit.confinement {
        None => Vec::new(),
        Some(held) if held.filesystem == mission_sandbox::Hold::NotAsked => {
            vec!["the lane was not confined at all".into()]
        }
        Some(held) => held.gaps(),
    }
}

/// Returns the ticket's word for how a process ended.
pub(crate) fn end_class(class: DeathClass) -> EndClass {
    match class {
        DeathClass::None => EndClass::Reported,
        DeathClass::Crashed | DeathClass::DiskFull => EndClass::Crashed,
        DeathClass::OomKilled => EndClass::OomKilled,
        DeathClass::BudgetSpent => EndClass::BudgetSpent,
        DeathClass::Stalled => EndClass::Stalled,
        DeathClass::TimedOut => EndClass::TimedOut,
        DeathClass::NoReport => EndClass::NoReport,
        DeathClass::SpawnFailed => EndClass::SpawnFailed,
        DeathClass::Forked => EndClass::Forked,
        DeathClass::Stopped => EndClass::Stopped,
        DeathClass::ShimLost => EndClass::Lost,
        DeathClass::Auth => EndClass::Auth,
        DeathClass::Quota => EndClass::Quota,
        DeathClass::ProviderDown => EndClass::ProviderDown,
    }
}

/// Returns the attempt's end in one sentence.
pub(crate) fn summary(exit: &ExitRecord, class: EndClass, spoken: Option<&Report>) -> String {
    if let Some(report) = spoken {
        return words(report);
    }
    if let (EndClass::Forked, Some(why)) = (class, &exit.forked) {
        return format!("{why}; what was left was ended");
    }
    if let Some(error) = &exit.spawn_error {
        let last = exit.last_output.lines().map(str::trim).rfind(|it| !it.is_empty());
        let last = last.map_or_else(String::new, |it| format!("; it said last: {it}"));
        return format!("could not be started: {error}{last}");
    }
    let how = match (exit.exit_code, exit.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {}", signal_name(signal)),
        (None, None) => "no exit status".into(),
    };
    match (class, &exit.last_turn) {
        (
            EndClass::Crashed
            | EndClass::NoReport
            | EndClass::Auth
            | EndClass::Quota
            | EndClass::ProviderDown,
            Some(end),
        ) if exit.closed || end.how == TurnHow::CutOff => told(class, end, &how),
        (class, _) => ended(exit, class, &how),
    }
}

/// Returns what was reported, in the reporter's own words.
pub(crate) fn words(report: &Report) -> String {
    match report {
        Report::Done { summary } => summary.clone(),
        Report::Question { text } => format!("asked: {text}"),
        Report::Verdict { verdict, reason, .. } => format!("{verdict}: {reason}"),
    }
}

/// What the program itself said of its last turn.
fn told(class: EndClass, end: &TurnEnd, how: &str) -> String {
    match (&end.fault, end.how) {
        (Some(fault), _) => format!("{class}: {}", fault.text),
        (None, TurnHow::Completed) => "ended its turn without a report".into(),
        (None, TurnHow::Interrupted) => "was interrupted and got no further word".into(),
        (None, TurnHow::Failed) => format!("its turn failed: {}", end.why),
        (None, TurnHow::CutOff) => format!("{} ({how})", end.why),
    }
}

/// What is known from the end of its process alone.
fn ended(exit: &ExitRecord, class: EndClass, how: &str) -> String {
    match class {
        EndClass::NoReport => format!("ended with {how} and reported nothing"),
        EndClass::OomKilled => format!("out of memory ({}), {how}", exit.oom.how),
        EndClass::Stalled => stalled(exit, how),
        EndClass::BudgetSpent => match &exit.stop_cause {
            StopCause::BudgetSpent { what } => format!("used {what} and was ended ({how})"),
            _ => format!("used up its budget and was ended ({how})"),
        },
        EndClass::TimedOut => format!("ran out of time and was ended ({how})"),
        EndClass::Crashed if exit.disk_full => format!("the disk was full, {how}"),
        EndClass::Stopped => format!("stopped by {} ({how})", stopper(exit)),
        EndClass::Reported
        | EndClass::Asked
        | EndClass::SpawnFailed
        | EndClass::Crashed
        | EndClass::Lost
        | EndClass::Incomplete
        | EndClass::Forked
        | EndClass::Auth
        | EndClass::Quota
        | EndClass::ProviderDown => format!("{class}: {how}"),
    }
}

fn stalled(exit: &ExitRecord, how: &str) -> String {
    match &exit.stop_cause {
        StopCause::Loop { tool, times } => {
            format!("used the same tool {times} times in a row and was ended: {tool}")
        }
        StopCause::None
        | StopCause::Stopped { .. }
        | StopCause::WallLimit
        | StopCause::Stall
        | StopCause::BudgetSpent { .. }
        | StopCause::MemoryLimit { .. }
        | StopCause::ShimFailed { .. } => format!("made no progress and was ended ({how})"),
    }
}

/// Who or what ended it, as the shim was told or saw it.
fn stopper(exit: &ExitRecord) -> &str {
    match &exit.stop_cause {
        StopCause::Stopped { by } => by,
        StopCause::None
        | StopCause::WallLimit
        | StopCause::Stall
        | StopCause::Loop { .. }
        | StopCause::BudgetSpent { .. }
        | StopCause::MemoryLimit { .. }
        | StopCause::ShimFailed { .. } => "nobody who is on record",
    }
}

/// Returns the death report.
pub(crate) fn death(exit: &ExitRecord) -> Box<DeathDoc> {
    let oom = match exit.oom.verdict {
        OomVerdict::Yes => "yes",
        OomVerdict::Likely => "likely",
        OomVerdict::No => "no",
        OomVerdict::Unknown => "unknown",
    };
    Box::new(DeathDoc {
        exit_code: exit.exit_code,
        signal: exit.signal.map(signal_name),
        oom: if exit.oom.how.is_empty() { oom.into() } else { format!("{oom}: {}", exit.oom.how) },
        max_rss_bytes: Some(exit.max_rss_bytes).filter(|it| *it > 0),
        last_tool: Some(match &exit.last_tool {
            LastTool::Unknown { why } => format!("unknown: {why}"),
            LastTool::Known { name } => name.clone(),
        }),
        last_output: exit.last_output.clone(),
        orphans: exit
            .orphans
            .iter()
            .map(|it| serde_json::to_string(it).unwrap_or_default())
            .collect(),
    })
}

fn signal_name(signal: i32) -> String {
    const NAMES: [(i32, &str); 10] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (15, "SIGTERM"),
    ];
    let known = NAMES.iter().find(|it| it.0 == signal).map(|it| it.1.to_owned());
    known.unwrap_or_else(|| format!("signal {signal}"))
}
