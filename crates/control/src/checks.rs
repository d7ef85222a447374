//! Commands run again in clean checkouts: remembered per tree, compared with the base, and told in a sentence.

use std::collections::BTreeSet;
use std::time::Duration;

use mission_domain::ids::Commit;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{FindingAnswer, FindingState, NewFinding, Ticket};
use mission_evidence::checkout::Checkout;
use mission_evidence::checks::{CheckEnv, CheckOutcome, CheckResult, run_in};
use mission_evidence::claims::cannot_fail;
use mission_evidence::git::Git;
use mission_evidence::packet::CommandEvidence;
use mission_evidence::past::{PastRun, Pasts, RunKey};
use mission_sandbox::Limits;

use crate::error::Result;
use crate::execute::Control;
use crate::projects::Project;

/// How long one check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How much of a check's output is kept, in bytes.
const CHECK_OUTPUT: u64 = 16 << 20;

/// What every check may use.
const LIMITS: Limits =
    Limits { wall: Some(CHECK_LIMIT), memory_bytes: None, output_bytes: Some(CHECK_OUTPUT) };

/// The most files that a sentence names.
const NAMED_FILES: usize = 5;

/// One command to run again.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) run: String,
    pub(crate) claimed: Option<i32>,
    pub(crate) advisory: bool,
    /// Whether the project requires it; else it is only what somebody claimed.
    pub(crate) is_projects: bool,
}

/// What the checks of one commit came to.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) commands: Vec<CommandEvidence>,
    pub(crate) findings: Vec<NewFinding>,
    pub(crate) pre_existing: Option<String>,
    pub(crate) could_not_run: Option<String>,
    /// What a person must know before this lands.
    pub(crate) notes: Vec<String>,
}

/// Where a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Work,
    Base,
}

impl Control {
    /// Runs `wanted` at `commit`, and on `base` what fails or counts its tests.
    pub(crate) async fn run_checks(
        &self,
        project: &Project,
        commit: &Commit,
        base: Option<&Commit>,
        wanted: Vec<Wanted>,
    ) -> Result<Checked> {
        let mut done = Checked::default();
        for wanted in wanted {
            let mut seen = self.run_again(project, commit, &wanted, Side::Work).await?;
            let counts = wanted.is_projects && seen.tests.is_some();
            let before = match base {
                Some(base) if !wanted.advisory && (counts || is_refuted(&seen)) => {
                    let again = Wanted { claimed: None, ..wanted.clone() };
                    Some(self.run_again(project, base, &again, Side::Base).await?)
                }
                Some(_) | None => None,
            };
            done.take(&wanted, &mut seen, before.as_ref(), project.rules.network);
            done.commands.push(seen);
        }
        Ok(done)
    }

    async fn run_again(
        &self,
        project: &Project,
        commit: &Commit,
        wanted: &Wanted,
        side: Side,
    ) -> Result<CommandEvidence> {
        let _turn = self.inner.checks.acquire().await;
        let (line, claimed, advisory) = (wanted.run.as_str(), wanted.claimed, wanted.advisory);
        let tree = Git::at(&project.path).tree_of(commit).await?;
        // The place for temporary files is another each time, and no part of what a result depends on.
        let env = self.check_env("tmp".into(), project);
        let key = RunKey::of(&tree, line, &env, LIMITS);
        let pasts = Pasts::at(self.paths().checks(), self.keys());
        let past = pasts.read(&key).about(commit);
        let stands = match side {
            Side::Work => past.stands(self.now()),
            Side::Base => past.stands_on_base(self.now()),
        };
        // A log that is gone would leave a claim without its proof.
        let is_kept =
            |run: &&PastRun| run.log.as_ref().is_none_or(|log| self.artifacts().path(log).exists());
        if let Some(run) = stands.filter(is_kept) {
            return Ok(CommandEvidence::seen(line, claimed, advisory, run).with_past(true, None));
        }
        let scratch = self.scratch_dir()?;
        let checkout = Checkout::make(&project.path, commit, &scratch).await?;
        let env = CheckEnv { tmp: checkout.tmp(), ..env };
        let log = checkout.tmp().join("check.log");
        let run = run_in(&checkout, line, &env, LIMITS, &log).await;
        if let (Some(_), true) = (&run.log_digest, log.exists()) {
            self.artifacts().put_file(&log)?;
        }
        match (PastRun::of(&run, commit, self.now()), run.outcome) {
            (Some(run), _) => {
                let past = pasts.add(&key, run.clone())?.about(commit);
                let seen = CommandEvidence::seen(line, claimed, advisory, &run);
                Ok(seen.with_past(false, past.flaky()))
            }
            (None, CheckOutcome::CouldNotRun { why }) => {
                Ok(CommandEvidence::could_not_run(line, claimed, advisory, &why))
            }
            (None, _) => {
                let why = "it ended in a way that cannot be recorded";
                Ok(CommandEvidence::could_not_run(line, claimed, advisory, why))
            }
        }
    }
}

fn is_refuted(seen: &CommandEvidence) -> bool {
    seen.result == CheckResult::Refuted
}

impl Checked {
    /// Takes in what one command came to, beside the same command on the base.
    fn take(
        &mut self,
        wanted: &Wanted,
        seen: &mut CommandEvidence,
        before: Option<&CommandEvidence>,
        network: bool,
    ) {
        seen.base_exit_code = before.and_then(|it| it.exit_code);
        seen.base_tests = before.and_then(|it| it.tests);
        if let (false, None, Some(why)) = (wanted.is_projects, seen.tests, cannot_fail(&wanted.run))
        {
            let text = format!("`{}` proves nothing: {why}", wanted.run);
            seen.result = CheckResult::Refuted;
            return self.find(wanted, text);
        }
        if let (true, Some(before)) = (wanted.is_projects, before)
            && is_the_projects_habit(seen, before)
        {
            seen.result = CheckResult::Verified;
        }
        match (&seen.result, &seen.outcome) {
            (CheckResult::Verified | CheckResult::NotRerun, _) => {
                self.notes.extend(fewer_tests(seen).filter(|_| wanted.is_projects));
            }
            (CheckResult::CouldNotRun, Some(CheckOutcome::CouldNotRun { why })) => {
                self.could_not_run = Some(format!("`{}`: {why}", wanted.run));
            }
            (CheckResult::CouldNotRun, _) => {
                self.could_not_run = Some(format!("`{}` could not be run", wanted.run));
            }
            (CheckResult::Refuted, _) if wanted.advisory => {}
            (CheckResult::Refuted, _) => {
                let offline = if network { "" } else { OFFLINE };
                let why = format!("{}{offline}", story(seen));
                let fails_on_base = before.is_some_and(is_refuted);
                if fails_on_base && wanted.claimed.is_none_or(|code| code != 0) {
                    let text = format!(
                        "`{}` fails on the base as well, so the failure is pre-existing: {why}",
                        wanted.run
                    );
                    self.pre_existing.get_or_insert(text);
                } else {
                    self.find(wanted, why);
                }
            }
        }
    }

    fn find(&mut self, wanted: &Wanted, text: String) {
        if !wanted.advisory {
            let command = Some(wanted.run.clone());
            self.findings.push(NewFinding { file: None, line: None, text, command });
        }
    }
}

/// What is said beside a failure, for a check that needed what it may not have.
const OFFLINE: &str = " (it ran without a network; `network = true` under `[project]` on the default branch allows one)";

/// A project's own check may rewrite files, where it does the same on the base and nothing else is wrong with it.
fn is_the_projects_habit(seen: &CommandEvidence, before: &CommandEvidence) -> bool {
    let is_steady = seen.flaky.is_none() && before.flaky.is_none();
    let has_passed =
        seen.outcome == Some(CheckOutcome::Passed) && seen.claimed.is_none_or(|it| it == 0);
    let tests_hold = seen.tests.is_none_or(|it| it.executed > 0 && it.failed == 0);
    let is_habit = seen.rewrote.iter().all(|path| before.rewrote.contains(path));
    !seen.rewrote.is_empty() && is_steady && has_passed && tests_hold && is_habit
}

/// Tells when tests that ran on the base ran no more.
fn fewer_tests(seen: &CommandEvidence) -> Option<String> {
    let (before, after) = (seen.base_tests?, seen.tests?);
    let (run, line) = (&seen.run, |skipped: u64| match skipped {
        0 => String::new(),
        some => format!(", {some} left out"),
    });
    (after.executed < before.executed || after.skipped > before.skipped).then(|| {
        format!(
            "`{run}` ran {} tests on the base{}, and {} here{}",
            before.executed,
            line(before.skipped),
            after.executed,
            line(after.skipped)
        )
    })
}

/// Returns everything that must be run again: claims, project checks, and what the controller's findings ask for.
pub(crate) fn wanted(ticket: &Ticket, project: &Project) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let writes = |it: &&mission_domain::ticket::Attempt| {
        let has_reported = it
            .end
            .as_ref()
            .is_some_and(|it| it.class == mission_domain::ticket::EndClass::Reported);
        has_reported && it.purpose == mission_domain::ticket::Purpose::Deliver
    };
    // The newest delivery, and that of each other gate whose commits it is built on.
    let mut gates = BTreeSet::new();
    let delivered = ticket.attempts.iter().rev().filter(writes).filter(|it| {
        let is_newest = gates.is_empty();
        let commits = || {
            let gate = ticket.gate(&it.gate);
            gate.is_some_and(|it| it.rule.requires.contains(&EvidenceKind::Commit))
        };
        gates.insert(it.gate.clone()) && (is_newest || commits())
    });
    let mut known: BTreeSet<String> = BTreeSet::new();
    for attempt in delivered {
        for claim in crate::packets::claimed_commands(attempt.evidence.iter()) {
            if known.insert(claim.run.clone()) {
                let (run, claimed) = (claim.run, claim.claimed);
                wanted.push(Wanted { run, claimed, advisory: false, is_projects: false });
            }
        }
    }
    for check in &project.rules.checks {
        if known.insert(check.run.clone()) {
            let (run, advisory) = (check.run.clone(), check.advisory);
            wanted.push(Wanted { run, claimed: None, advisory, is_projects: true });
        }
    }
    let open = ticket.findings.iter().filter(|it| it.state == FindingState::Open);
    for command in open.filter_map(|it| it.what.command.clone()) {
        if known.insert(command.clone()) {
            let (advisory, is_projects) = (false, false);
            wanted.push(Wanted { run: command, claimed: None, advisory, is_projects });
        }
    }
    for it in &mut wanted {
        let rule = project.rules.checks.iter().find(|check| check.run == it.run);
        it.is_projects = rule.is_some();
        it.advisory = rule.is_some_and(|check| check.advisory);
    }
    wanted
}

/// A finding that the controller wrote answers itself when its command passes.
pub(crate) fn answers(
    ticket: &Ticket,
    commands: &[CommandEvidence],
    commit: &Commit,
) -> Vec<FindingAnswer> {
    let passes =
        |run: &str| commands.iter().any(|it| it.run == run && it.result == CheckResult::Verified);
    let open = ticket.findings.iter().filter(|it| it.state == FindingState::Open);
    let answered = open.filter(|it| it.what.command.as_deref().is_some_and(passes));
    answered
        .map(|it| FindingAnswer {
            finding: it.id,
            state: FindingState::Fixed,
            text: format!("the command passes at {}", commit.short()),
        })
        .collect()
}

/// Says in one sentence what was claimed and what was seen.
fn story(seen: &CommandEvidence) -> String {
    let claimed = match seen.claimed {
        Some(code) => format!("claimed exit code {code}; "),
        None => String::new(),
    };
    let tests = match &seen.tests {
        Some(tests) => format!(", {} of {} tests failed", tests.failed, tests.executed),
        None => String::new(),
    };
    let ended = match &seen.outcome {
        Some(CheckOutcome::Passed) if seen.tests.is_some_and(|it| it.executed == 0) => {
            "exit code 0 and not one test executed".to_owned()
        }
        Some(CheckOutcome::Passed) => "exit code 0".to_owned(),
        Some(CheckOutcome::Failed { exit_code }) => format!("exit code {exit_code}"),
        Some(CheckOutcome::Died { signal }) => format!("died by signal {signal}"),
        Some(CheckOutcome::OverMemory) => "used more memory than it may".to_owned(),
        Some(CheckOutcome::TimedOut) => "ran out of time".to_owned(),
        Some(CheckOutcome::CouldNotRun { why }) => why.clone(),
        None => "was not run".to_owned(),
    };
    let when = match seen.ran_at {
        Some(at) if seen.cached => format!(", as on the same tree at {at}"),
        Some(_) | None => String::new(),
    };
    let rewrote = match seen.rewrote.as_slice() {
        [] => String::new(),
        files => format!(
            "; it rewrote {} while it ran, so what it looked at is not what was committed",
            shown(files)
        ),
    };
    let flaky = match &seen.flaky {
        Some(it) => format!(
            "; on this same tree it passed {} times and failed {} times: a check that does both proves nothing",
            it.passed, it.failed
        ),
        None => String::new(),
    };
    format!(
        "`{}`: {claimed}re-run in a clean checkout{when}: {ended}{tests}{rewrote}{flaky}",
        seen.run
    )
}

fn shown(files: &[String]) -> String {
    let named = files.iter().take(NAMED_FILES).map(|it| format!("`{it}`")).collect::<Vec<_>>();
    let more = files.len().saturating_sub(NAMED_FILES);
    let more = if more == 0 { String::new() } else { format!(" and {more} more files") };
    format!("{}{more}", named.join(", "))
}
