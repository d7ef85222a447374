//! Says what kind of end an attempt came to. Pure; what it costs is decided elsewhere.

use serde::{Deserialize, Serialize};

use crate::agent::{FaultKind, TurnEnd, TurnHow};
use crate::record::{ExitRecord, OomVerdict, StopCause};

/// The kind of an attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathClass {
    /// It reported: no death.
    None,
    /// A signal or a failing exit code.
    Crashed,
    /// Killed for want of memory, certainly or likely.
    OomKilled,
    /// No progress for too long.
    Stalled,
    /// Used up its budget.
    BudgetSpent,
    /// Ran too long.
    TimedOut,
    /// Exit code 0 and no report.
    NoReport,
    /// No process could be started.
    SpawnFailed,
    /// The program started the agent, and ended without waiting for it.
    Forked,
    /// Ended on request.
    Stopped,
    /// The shim died without an exit record.
    ShimLost,
    /// The runtime's account was refused.
    Auth,
    /// The runtime's account is used up or throttled.
    Quota,
    /// The runtime's service is down.
    ProviderDown,
    /// The disk was full.
    DiskFull,
}

/// Phrases in the last output of a failed program, in lower case, with what they mean. Only phrases with their context:
/// a bare `401` may be anything.
const PHRASES: &[(&str, DeathClass)] = &[
    ("no space left on device", DeathClass::DiskFull),
    ("disk quota exceeded", DeathClass::DiskFull),
    ("401 unauthorized", DeathClass::Auth),
    ("http 401", DeathClass::Auth),
    ("status 401", DeathClass::Auth),
    ("status: 401", DeathClass::Auth),
    ("status code 401", DeathClass::Auth),
    ("api error: 401", DeathClass::Auth),
    ("authentication_error", DeathClass::Auth),
    ("invalid api key", DeathClass::Auth),
    ("invalid_api_key", DeathClass::Auth),
    ("incorrect api key", DeathClass::Auth),
    ("429 too many requests", DeathClass::Quota),
    ("http 429", DeathClass::Quota),
    ("status 429", DeathClass::Quota),
    ("status: 429", DeathClass::Quota),
    ("status code 429", DeathClass::Quota),
    ("api error: 429", DeathClass::Quota),
    ("rate_limit_error", DeathClass::Quota),
    ("rate limit exceeded", DeathClass::Quota),
    ("rate limit reached", DeathClass::Quota),
    ("insufficient_quota", DeathClass::Quota),
    ("usage limit reached", DeathClass::Quota),
    ("hit your usage limit", DeathClass::Quota),
    ("resource_exhausted", DeathClass::Quota),
    ("503 service unavailable", DeathClass::ProviderDown),
    ("502 bad gateway", DeathClass::ProviderDown),
    ("504 gateway timeout", DeathClass::ProviderDown),
    ("500 internal server error", DeathClass::ProviderDown),
    ("http 503", DeathClass::ProviderDown),
    ("status 503", DeathClass::ProviderDown),
    ("status: 503", DeathClass::ProviderDown),
    ("status code 503", DeathClass::ProviderDown),
    ("overloaded_error", DeathClass::ProviderDown),
    ("api error: 5", DeathClass::ProviderDown),
];

/// Returns the kind of the end that `exit` records, `reported` telling whether a report or a single kind of marker came in.
pub fn classify(exit: &ExitRecord, reported: bool) -> DeathClass {
    if reported {
        return DeathClass::None;
    }
    // One that was ended for its memory before it was ready never was for that cause.
    let is_memory = matches!(exit.stop_cause, StopCause::MemoryLimit { .. });
    if exit.forked.is_some() {
        // What a provider says of itself goes before how it was started.
        let is_failed = exit.exit_code != Some(0);
        return is_failed.then(|| said(&exit.last_output)).flatten().unwrap_or(DeathClass::Forked);
    }
    if exit.spawn_error.is_some() && !is_memory {
        return if exit.disk_full { DeathClass::DiskFull } else { DeathClass::SpawnFailed };
    }
    match &exit.stop_cause {
        StopCause::Stopped { .. } => return DeathClass::Stopped,
        StopCause::WallLimit => return DeathClass::TimedOut,
        StopCause::BudgetSpent { .. } => return DeathClass::BudgetSpent,
        StopCause::Stall | StopCause::Loop { .. } => return DeathClass::Stalled,
        StopCause::MemoryLimit { .. } => return DeathClass::OomKilled,
        StopCause::None | StopCause::ShimFailed { .. } => {}
    }
    match exit.oom.verdict {
        OomVerdict::Yes | OomVerdict::Likely => return DeathClass::OomKilled,
        OomVerdict::No | OomVerdict::Unknown => {}
    }
    if exit.disk_full {
        return DeathClass::DiskFull;
    }
    if let Some(class) = exit.last_turn.as_ref().and_then(|end| told(end, exit.closed)) {
        return class;
    }
    match (exit.signal, exit.exit_code) {
        (None, Some(0)) => DeathClass::NoReport,
        (None, Some(_)) => said(&exit.last_output).unwrap_or(DeathClass::Crashed),
        (Some(_), _) | (None, None) => DeathClass::Crashed,
    }
}

/// Returns what the program itself told of its last turn; nothing where only its process's end tells more.
fn told(end: &TurnEnd, closed: bool) -> Option<DeathClass> {
    if let Some(fault) = &end.fault {
        return Some(match fault.kind {
            FaultKind::Auth => DeathClass::Auth,
            FaultKind::Quota => DeathClass::Quota,
            FaultKind::ProviderDown => DeathClass::ProviderDown,
        });
    }
    match end.how {
        TurnHow::Completed => closed.then_some(DeathClass::NoReport),
        // A program that is sent SIGINT may still tell that its turn was interrupted before it goes.
        TurnHow::Interrupted if closed => Some(DeathClass::NoReport),
        TurnHow::Interrupted => Some(DeathClass::Crashed),
        TurnHow::Failed => closed.then_some(DeathClass::Crashed),
        // An agent that ends in mid-turn has crashed, however polite its exit code.
        TurnHow::CutOff => Some(DeathClass::Crashed),
    }
}

/// Returns whose fault of the runtime the words `text` tell of, if they do.
pub(crate) fn fault_in(text: &str) -> Option<FaultKind> {
    match said(text)? {
        DeathClass::Auth => Some(FaultKind::Auth),
        DeathClass::Quota => Some(FaultKind::Quota),
        DeathClass::ProviderDown => Some(FaultKind::ProviderDown),
        DeathClass::None
        | DeathClass::Crashed
        | DeathClass::OomKilled
        | DeathClass::BudgetSpent
        | DeathClass::Stalled
        | DeathClass::TimedOut
        | DeathClass::NoReport
        | DeathClass::SpawnFailed
        | DeathClass::Forked
        | DeathClass::Stopped
        | DeathClass::ShimLost
        | DeathClass::DiskFull => None,
    }
}

/// Returns what the last phrase known in `output` means.
fn said(output: &str) -> Option<DeathClass> {
    let output = output.to_ascii_lowercase();
    let found = PHRASES.iter().filter_map(|(phrase, class)| Some((output.rfind(phrase)?, *class)));
    found.max_by_key(|(at, _)| *at).map(|(_, class)| class)
}

#[cfg(test)]
mod tests {
    use mission_domain::ids::{AttemptId, Epoch};

    use super::*;
    use crate::markers::Markers;
    use crate::record::{LastTool, Oom};

    fn exit(code: Option<i32>, signal: Option<i32>, output: &str) -> ExitRecord {
        ExitRecord {
            attempt: AttemptId(1),
            epoch: Epoch(1),
            spawn_error: None,
            exit_code: code,
            signal,
            core: false,
            max_rss_bytes: 0,
            wall_ms: 0,
            user_ms: 0,
            system_ms: 0,
            oom: Oom { verdict: OomVerdict::No, how: String::new() },
            stop_cause: StopCause::None,
            orphans: vec![],
            forked: None,
            turns: 1,
            confinement: None,
            undelivered: vec![],
            last_output: output.into(),
            last_tool: LastTool::Unknown { why: String::new() },
            last_turn: None,
            closed: false,
            session: None,
            usage: None,
            markers: Markers::None,
            journal_bytes: 0,
            journal_lost_bytes: 0,
            disk_full: false,
            ended_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_report_is_no_death_however_the_process_ended() {
        assert_eq!(classify(&exit(None, Some(9), ""), true), DeathClass::None);
        assert_eq!(classify(&exit(Some(0), None, ""), true), DeathClass::None);
    }

    #[test]
    fn codes_and_signals_without_a_report_are_told_apart() {
        assert_eq!(classify(&exit(Some(0), None, ""), false), DeathClass::NoReport);
        assert_eq!(classify(&exit(Some(3), None, ""), false), DeathClass::Crashed);
        assert_eq!(classify(&exit(None, Some(11), ""), false), DeathClass::Crashed);
        let never = ExitRecord { spawn_error: Some("no such file".into()), ..exit(None, None, "") };
        assert_eq!(classify(&never, false), DeathClass::SpawnFailed);
        let hungry = ExitRecord { stop_cause: StopCause::MemoryLimit { used_bytes: 1 }, ..never };
        assert_eq!(classify(&hungry, false), DeathClass::OomKilled);
    }

    #[test]
    fn a_program_that_went_while_the_agent_ran_on_is_told_from_one_that_failed() {
        let forked = |exit: ExitRecord| ExitRecord { forked: Some("it went".into()), ..exit };
        let said = "could not be opened";
        let never = ExitRecord { spawn_error: Some(said.into()), ..exit(Some(0), None, "") };
        for it in [never, exit(Some(0), None, "HTTP 401"), exit(Some(1), None, "")] {
            assert_eq!(classify(&forked(it.clone()), false), DeathClass::Forked, "{it:?}");
            assert_eq!(classify(&forked(it), true), DeathClass::None);
        }
        let refused = forked(exit(Some(1), None, "HTTP 401"));
        assert_eq!(classify(&refused, false), DeathClass::Auth);
    }

    #[test]
    fn what_stopped_it_goes_before_how_it_ended() {
        let cases = [
            (StopCause::Stopped { by: "person:ada".into() }, DeathClass::Stopped),
            (StopCause::WallLimit, DeathClass::TimedOut),
            (StopCause::Stall, DeathClass::Stalled),
            (StopCause::BudgetSpent { what: "5 of 4 tokens".into() }, DeathClass::BudgetSpent),
            (StopCause::MemoryLimit { used_bytes: 1 }, DeathClass::OomKilled),
        ];
        for (stop_cause, class) in cases {
            let ended = ExitRecord { stop_cause, ..exit(None, Some(9), "429 too many requests") };
            assert_eq!(classify(&ended, false), class);
        }
        let oom = Oom { verdict: OomVerdict::Likely, how: String::new() };
        let ended = ExitRecord { oom, ..exit(None, Some(9), "") };
        assert_eq!(classify(&ended, false), DeathClass::OomKilled);
    }

    #[test]
    fn what_the_program_told_of_its_last_turn_goes_before_the_exit_code() {
        let ended = |how, fault: Option<FaultKind>, closed| {
            let fault = fault.map(|kind| crate::agent::Fault { kind, text: String::new() });
            let last_turn = Some(TurnEnd { fault, ..TurnEnd::cut(how, "") });
            let exit = ExitRecord { last_turn, closed, ..exit(None, Some(15), "") };
            classify(&exit, false)
        };
        for (kind, class) in [
            (FaultKind::Auth, DeathClass::Auth),
            (FaultKind::Quota, DeathClass::Quota),
            (FaultKind::ProviderDown, DeathClass::ProviderDown),
        ] {
            assert_eq!(ended(TurnHow::Failed, Some(kind), true), class);
        }
        assert_eq!(ended(TurnHow::Completed, None, true), DeathClass::NoReport);
        assert_eq!(ended(TurnHow::Failed, None, true), DeathClass::Crashed);
        assert_eq!(ended(TurnHow::Interrupted, None, true), DeathClass::NoReport);
        assert_eq!(ended(TurnHow::Interrupted, None, false), DeathClass::Crashed);
        assert_eq!(ended(TurnHow::CutOff, None, false), DeathClass::Crashed);
        let clean = Some(TurnEnd::cut(TurnHow::CutOff, "ended in mid-turn"));
        let clean = ExitRecord { last_turn: clean, ..exit(Some(0), None, "") };
        assert_eq!(classify(&clean, false), DeathClass::Crashed);
    }

    #[test]
    fn the_providers_words_count_only_with_a_failing_exit_code_and_the_last_ones_win() {
        let cases = [
            ("API Error: 401 {..}", DeathClass::Auth),
            ("stream error: HTTP 429", DeathClass::Quota),
            ("retrying after 503 Service Unavailable", DeathClass::ProviderDown),
            ("HTTP 503, retry\nthen 401 Unauthorized", DeathClass::Auth),
            ("write: No space left on device (os error 28)", DeathClass::DiskFull),
            ("test 401 of 429 passed, 503 lines", DeathClass::Crashed),
        ];
        for (output, class) in cases {
            assert_eq!(classify(&exit(Some(1), None, output), false), class, "{output}");
            assert_eq!(classify(&exit(Some(0), None, output), false), DeathClass::NoReport);
            assert_eq!(classify(&exit(None, Some(9), output), false), DeathClass::Crashed);
        }
    }
}
