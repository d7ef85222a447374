//! Proves at the end that what the script names is so: states, what happened on the way, commits on `main`, a whole home.

use std::path::Path;
use std::time::{Duration, Instant};

use mission_domain::doc::{AttemptDoc, TicketDoc};
use mission_testkit::demo::{KEY, Scripted, Trace};
use serde::Deserialize;
use serde_json::json;

use super::drive;
use super::leftovers;
use super::link::Link;
use super::stage::Stage;
use crate::failure::Failure;
use crate::output::table::{Fit, Table, cell, text};
use crate::output::{Screen, Tone};
use crate::process;

/// A list of attempts.
#[derive(Debug, Deserialize)]
struct Attempts {
    attempts: Vec<AttemptDoc>,
}

/// A list of working copies.
#[derive(Debug, Deserialize)]
struct Workspaces {
    workspaces: Vec<serde_json::Value>,
}

/// How long the working copies may take to go.
const CLEAN_WITHIN: Duration = Duration::from_secs(10);

/// How long between two looks at them.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// One ticket of the script as it ended.
#[derive(Debug)]
struct Row {
    key: String,
    title: &'static str,
    state: String,
    happened: String,
    problems: Vec<String>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Report {
    rows: Vec<Row>,
    problems: Vec<String>,
    proved: Vec<String>,
}

/// Looks at every ticket, and at `main` for each landed commit.
pub(super) async fn tickets(stage: &Stage, link: &Link) -> Result<Report, Failure> {
    let tickets = drive::tickets(link).await?;
    let mut rows = Vec::new();
    for scripted in stage.script() {
        let Some(ticket) = drive::find(&scripted, &tickets) else {
            let problems = vec!["it was never filed".to_owned()];
            let (key, state) = (KEY.to_owned(), "missing".to_owned());
            rows.push(Row { key, title: scripted.title, state, happened: String::new(), problems });
            continue;
        };
        let list: Attempts = link.get(&format!("/attempts?ticket={}", ticket.key)).await?;
        rows.push(row(stage, &scripted, ticket, &list.attempts));
    }
    Ok(Report { rows, problems: Vec::new(), proved: Vec::new() })
}

/// Removes the working copies that nobody needs any more, as `mission workspace clean` does. The operator does the same by itself, so
/// one that goes away meanwhile is no failure: what counts is that none is left in the end.
pub(super) async fn clean(link: &Link) -> Result<(), Failure> {
    let until = Instant::now() + CLEAN_WITHIN;
    loop {
        let cleaned = link.post("/workspaces/clean", &json!({ "dry_run": false })).await;
        let left: Workspaces = link.get("/workspaces").await?;
        match cleaned {
            Ok(_) if left.workspaces.is_empty() => return Ok(()),
            Ok(_) if Instant::now() > until => return Ok(()),
            Err(failure) if Instant::now() > until => return Err(failure),
            Ok(_) | Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

fn row(stage: &Stage, scripted: &Scripted, ticket: &TicketDoc, attempts: &[AttemptDoc]) -> Row {
    let mut problems = Vec::new();
    if !drive::has_ended(scripted, std::slice::from_ref(ticket)) {
        problems.push(format!(
            "it is {} and not {}: {}",
            ticket.state,
            scripted.ends.state(),
            ticket.reason.text
        ));
    }
    if let Some(commit) = &ticket.landed_as
        && !git(stage, &["merge-base", "--is-ancestor", commit, "refs/heads/main"])
    {
        problems.push(format!("`main` does not hold its commit {commit}"));
    }
    let live = attempts.iter().filter(|it| it.ended_at.is_none() && it.terminal.is_none());
    problems.extend(live.map(|it| format!("attempt {} has not ended", it.id)));
    let happened = match trace(scripted.trace, ticket, attempts) {
        Ok(happened) => happened,
        Err(missing) => {
            problems.push(missing);
            String::new()
        }
    };
    let (key, state) = (ticket.key.clone(), ticket.state.clone());
    Row { key, title: scripted.title, state, happened, problems }
}

/// Returns what happened on the way, or what should have and did not.
fn trace(wanted: Trace, ticket: &TicketDoc, attempts: &[AttemptDoc]) -> Result<String, String> {
    let verdicts = |gate: &str, word: &str| {
        let gate = ticket.gates.iter().find(|it| it.id == gate);
        gate.map_or(0, |it| it.signoffs.iter().filter(|it| it.verdict == word).count())
    };
    let holds = |is_so: bool, happened: &str, missing: &str| {
        if is_so { Ok(happened.to_owned()) } else { Err(missing.to_owned()) }
    };
    match wanted {
        Trace::Plain => Ok(String::new()),
        Trace::EightGates => {
            let passed =
                ticket.gates.iter().filter(|it| it.required && it.state == "passed").count();
            holds(passed == 8, "8 gates passed", &format!("{passed} of its 8 gates passed"))
        }
        Trace::SentBack => {
            let (back, passed) = (verdicts("qa_review", "changes"), verdicts("qa_review", "pass"));
            holds(
                back == 1 && passed >= 1,
                "sent back once by QA, then passed",
                "QA did not send it back once and pass it then",
            )
        }
        Trace::Refuted => {
            let (refuted, passed) =
                (verdicts("first_validation", "changes"), verdicts("first_validation", "pass"));
            holds(
                refuted >= 1 && passed >= 1,
                "claim refuted, then verified",
                "its false claim was not refuted and mended",
            )
        }
        Trace::Died => {
            let died = attempts.iter().find_map(|it| it.death.as_ref()?.signal.clone());
            let happened = died
                .as_ref()
                .map(|signal| format!("one attempt died of {signal}, the next delivered"));
            happened.ok_or_else(|| "no attempt of it died by a signal".to_owned())
        }
        Trace::Waited => {
            let began = attempts.iter().map(|it| it.started_at).min();
            holds(
                began.is_some_and(|began| began > ticket.created_at),
                "waited, then was released",
                "nobody ever worked on it",
            )
        }
        Trace::Untouched => {
            holds(attempts.is_empty(), "never dispatched", "somebody was sent to it")
        }
    }
}

impl Report {
    /// Adds what is proved of the home and of this machine once everything has ended.
    pub(super) fn add_rest(&mut self, stage: &Stage, exe: &Path) {
        let home = stage.dir().join("home");
        let mut command = process::command(&exe.display().to_string());
        command
            .arg("fsck")
            .env("MISSION_HOME", &home)
            .env_remove("MISSION_URL")
            .env_remove("MISSION_TOKEN");
        match command.output() {
            Ok(output) if output.status.success() => self.proved.push("fsck is clean".into()),
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                self.problems.push(format!("fsck: {}", String::from_utf8_lossy(&said).trim()));
            }
            Err(error) => self.problems.push(format!("fsck could not be run: {error}")),
        }
        if git(stage, &["diff", "--quiet", "HEAD"]) {
            self.proved.push("the repository's checkout follows `main`".into());
        } else {
            self.problems.push("the repository's checkout differs from `main`".into());
        }
        let spared = stage.home().ok().and_then(|home| home.server()).map(|card| card.pid);
        let left = leftovers::find(stage.dir(), &home, spared);
        if left.is_empty() {
            self.proved.push("no process, tmux session or workspace is left".into());
        }
        self.problems.extend(left);
    }

    /// Returns whether everything is as the script names it.
    pub(super) fn is_good(&self) -> bool {
        self.problems.is_empty() && self.rows.iter().all(|row| row.problems.is_empty())
    }

    /// Returns the tickets as a table.
    pub(super) fn table(&self, screen: &Screen) -> String {
        let mut table = Table::new(&[
            ("", Fit::Keep),
            ("ticket", Fit::Keep),
            ("state", Fit::Keep),
            ("title", Fit::Cut),
            ("on its way", Fit::Wrap),
        ]);
        for row in &self.rows {
            let is_good = row.problems.is_empty();
            let (tone, mark) = if is_good { (Tone::Good, "ok") } else { (Tone::Bad, "no") };
            let happened = if is_good { row.happened.clone() } else { row.problems.join("; ") };
            table.row(vec![
                cell(tone, mark),
                text(row.key.as_str()),
                text(row.state.as_str()),
                text(row.title),
                cell(if is_good { Tone::Quiet } else { Tone::Bad }, happened),
            ]);
        }
        format!("\n{}", table.render(screen))
    }

    /// Returns what is proved and what differs, line by line.
    pub(super) fn closing(&self, screen: &Screen) -> String {
        let mut out = String::from("\n");
        for proved in &self.proved {
            out.push_str(&format!("{}  {proved}\n", screen.paint(Tone::Good, "ok")));
        }
        for problem in &self.problems {
            out.push_str(&format!("{}  {problem}\n", screen.paint(Tone::Bad, "no")));
        }
        out.push_str(match self.is_good() {
            true => "\nEvery ticket is where its script ends.\n",
            false => "\nThis differs from the script: see the lines marked `no`.\n",
        });
        out
    }
}

/// Returns whether git succeeds in the demo's repository.
fn git(stage: &Stage, args: &[&str]) -> bool {
    let mut command = process::command("git");
    command.arg("-C").arg(stage.repository()).args(args).stdin(std::process::Stdio::null());
    command.output().is_ok_and(|output| output.status.success())
}
