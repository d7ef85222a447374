//! Lanes, roles, runtimes, projects, workspaces, tokens, the operator's acts, what waits for a person, and events.

use std::fmt::Write as _;

use mission_domain::doc::{
    EventDoc, LaneDoc, NeedsYouDoc, OperatorActDoc, ProjectDoc, RuntimeDoc, VersionDoc,
};
use mission_domain::rules::Workflow;
use serde::Deserialize;
use serde_json::Value;

use super::table::{Fit, Table, cell, text};
use super::wrap::one_line;
use super::{Screen, Tone, words};

/// Returns the field `key` of a document as text; lists are joined, nothing is empty.
pub(crate) fn field(value: &Value, key: &str) -> String {
    fn shown(value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
        }
    }
    value.get(key).map_or_else(String::new, shown)
}

/// Returns the lanes.
pub(crate) fn lanes(lanes: &[LaneDoc], screen: &Screen) -> String {
    if lanes.is_empty() {
        return "no lanes: register a repository with `mission init`\n".into();
    }
    let mut table = Table::new(&[
        ("LANE", Fit::Keep),
        ("PROJECT", Fit::Drop),
        ("STATE", Fit::Keep),
        ("SLOTS", Fit::Right),
        ("QUEUED", Fit::Right),
        ("AT WORK", Fit::Drop),
        ("RUNTIMES", Fit::Wrap),
    ]);
    for lane in lanes {
        let tone = match lane.state.as_str() {
            "busy" => Tone::Live,
            "paused" => Tone::Warn,
            "no_runtime" => Tone::Bad,
            _ => Tone::Plain,
        };
        let health = |it: &RuntimeDoc| match (it.breaker.as_str(), it.found) {
            ("closed", Some(false)) => format!("{} (not found)", it.name),
            ("closed", _) => it.name.clone(),
            (breaker, _) => format!("{} (breaker {})", it.name, words::plain(breaker)),
        };
        let runtimes: Vec<_> = lane.runtimes.iter().map(health).collect();
        let note = lane.note.as_ref().map_or_else(String::new, |it| format!("\n→ {it}"));
        let mends = lane.runtimes.iter().filter_map(|it| Some((&it.name, it.trouble.as_ref()?)));
        let mends: String =
            mends.map(|(name, it)| format!("\n→ to mend {name}: {}", it.fix)).collect();
        table.row(vec![
            cell(Tone::Strong, lane.role.as_str()),
            text(lane.project.as_str()),
            cell(tone, words::plain(&lane.state)),
            text(format!("{}/{}", lane.attempts.len(), lane.slots)),
            text(lane.queued.to_string()),
            text(lane.attempts.join(" ")),
            text(format!("{}{note}{mends}", runtimes.join(", "))),
        ]);
    }
    table.render(screen)
}

/// Returns the roles, as their documents have it.
pub(crate) fn roles(roles: &[Value], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("ROLE", Fit::Keep),
        ("PROJECT", Fit::Drop),
        ("PERMISSION", Fit::Keep),
        ("SLOTS", Fit::Right),
        ("MODE", Fit::Drop),
        ("RUNTIMES", Fit::Wrap),
        ("EVIDENCE", Fit::Wrap),
    ]);
    for role in roles {
        let name = Some(field(role, "id")).filter(|it| !it.is_empty());
        table.row(vec![
            cell(Tone::Strong, name.unwrap_or_else(|| field(role, "name"))),
            text(field(role, "project")),
            text(field(role, "permission")),
            text(field(role, "slots")),
            text(field(role, "mode")),
            text(field(role, "runtimes")),
            text(field(role, "evidence")),
        ]);
    }
    table.render(screen)
}

/// Returns what a runtime's program told of its version, with what that means.
fn told(it: &VersionDoc) -> String {
    let more = [&it.note, &it.fix].into_iter().flatten().map(|it| format!("; {it}"));
    let tested = if it.is_tested == Some(true) { ", the tested version" } else { "" };
    format!("\n→ told a lane that it is {}{tested}{}", it.told, more.collect::<String>())
}

/// Returns the runtimes.
pub(crate) fn runtimes(runtimes: &[RuntimeDoc], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("RUNTIME", Fit::Keep),
        ("DRIVER", Fit::Keep),
        ("BREAKER", Fit::Keep),
        ("FOUND", Fit::Keep),
        ("FROM", Fit::Drop),
        ("COMMAND", Fit::Wrap),
    ]);
    for it in runtimes {
        let (found, tone) = match it.found {
            Some(true) => ("yes", Tone::Good),
            Some(false) => ("no", Tone::Bad),
            None => ("unknown", Tone::Quiet),
        };
        let model = it.model.as_ref().map_or_else(String::new, |it| format!(" (model {it})"));
        let note = it.note.as_ref().map_or_else(String::new, |it| format!("\n→ {it}"));
        let mends = it.trouble.as_ref().map_or_else(String::new, |it| format!("\n→ {}", it.fix));
        let version = it.version.as_ref().map_or_else(String::new, told);
        let untold = it.untold.as_ref().map_or_else(String::new, |it| format!("\n→ {it}"));
        let declared = match it.declared.as_slice() {
            [] => String::new(),
            all => {
                format!("\n→ made for {}; `mission doctor` says what is seen of it", all.join(", "))
            }
        };
        let line: Vec<_> = it.command.iter().map(|word| crate::process::quoted(word)).collect();
        table.row(vec![
            cell(Tone::Strong, it.name.as_str()),
            text(it.driver.as_str()),
            cell(words::result(&it.breaker), words::plain(&it.breaker)),
            cell(tone, found),
            text(it.from.as_str()),
            text(format!("{}{model}{version}{note}{mends}{untold}{declared}", line.join(" "))),
        ]);
    }
    table.render(screen)
}

/// Returns the projects, with what is wrong with their configuration.
pub(crate) fn projects(projects: &[ProjectDoc], screen: &Screen) -> String {
    if projects.is_empty() {
        return "no projects: go to a repository and type `mission init`\n".into();
    }
    let mut table = Table::new(&[
        ("PROJECT", Fit::Keep),
        ("BRANCH", Fit::Keep),
        ("WORKFLOW", Fit::Drop),
        ("TRUSTED", Fit::Keep),
        ("PATH", Fit::Wrap),
    ]);
    for it in projects {
        let mut path = it.path.clone();
        for (mark, more) in [("■", &it.config_problem), ("→", &it.notice)] {
            if let Some(more) = more {
                // Writing to a string cannot fail.
                let _ = write!(path, "\n{mark} {more}");
            }
        }
        table.row(vec![
            cell(Tone::Strong, it.key.as_str()),
            text(it.default_branch.as_str()),
            text(it.workflow.as_str()),
            if it.trusted { text("yes") } else { cell(Tone::You, "no") },
            cell(if it.config_problem.is_some() { Tone::Warn } else { Tone::Plain }, path),
        ]);
    }
    table.render(screen)
}

/// One working copy, as the API tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    ticket: Option<String>,
    path: String,
    branch: Option<String>,
    #[serde(default)]
    bytes: Option<u64>,
    #[serde(default)]
    dirty: Vec<String>,
    state: Option<String>,
    #[serde(default)]
    removable: bool,
    #[serde(default)]
    why: Option<String>,
}

/// Returns the working copies.
pub(crate) fn workspaces(all: &[Workspace], screen: &Screen) -> String {
    if all.is_empty() {
        return "no workspaces\n".into();
    }
    let mut table = Table::new(&[
        ("TICKET", Fit::Keep),
        ("STATE", Fit::Keep),
        ("BRANCH", Fit::Drop),
        ("SIZE", Fit::Right),
        ("MAY GO", Fit::Keep),
        ("WHERE", Fit::Wrap),
    ]);
    for it in all {
        let why = it.why.as_ref().filter(|it| !it.is_empty());
        let why = why.map_or_else(String::new, |it| format!("\n→ {it}"));
        let state = it.state.as_deref().map_or_else(|| "no ticket's".into(), words::plain);
        let dirty = match it.dirty.len() {
            0 => String::new(),
            n => format!("\n! uncommitted changes in {}", words::count(n, "file")),
        };
        table.row(vec![
            cell(Tone::Strong, it.ticket.as_deref().unwrap_or("–")),
            text(state),
            text(it.branch.as_deref().unwrap_or_default()),
            text(it.bytes.map_or_else(|| "unknown".into(), words::bytes)),
            text(if it.removable { "yes" } else { "no" }),
            text(format!("{}{dirty}{why}", it.path)),
        ]);
    }
    table.render(screen)
}

/// Returns the tokens, as their documents have it; a secret is never among them.
pub(crate) fn tokens(tokens: &[Value], screen: &Screen) -> String {
    if tokens.is_empty() {
        return "no tokens\n".into();
    }
    let mut table = Table::new(&[
        ("TOKEN", Fit::Keep),
        ("ROLE", Fit::Keep),
        ("PROJECT", Fit::Keep),
        ("PRINCIPAL", Fit::Keep),
        ("MADE", Fit::Drop),
    ]);
    for it in tokens {
        table.row(vec![
            cell(Tone::Strong, field(it, "name")),
            text(field(it, "role")),
            text(field(it, "project")),
            text(field(it, "principal")),
            text(field(it, "created_at")),
        ]);
    }
    table.render(screen)
}

/// Returns what the operator did.
pub(crate) fn acts(acts: &[OperatorActDoc], screen: &Screen) -> String {
    if acts.is_empty() {
        return "the operator has not done anything\n".into();
    }
    let mut table = Table::new(&[
        ("ACT", Fit::Keep),
        ("AGE", Fit::Right),
        ("RULE", Fit::Keep),
        ("TICKET", Fit::Keep),
        ("UNDO", Fit::Drop),
        ("WHAT", Fit::Wrap),
    ]);
    for it in acts {
        let undo = if it.undone {
            "undone"
        } else if it.undoable {
            "can be"
        } else {
            ""
        };
        table.row(vec![
            cell(Tone::Strong, it.id.as_str()),
            cell(Tone::Quiet, words::age(it.at, screen.now)),
            text(it.rule.as_str()),
            text(it.ticket.as_deref().unwrap_or_default()),
            text(undo),
            text(format!("{}\nbecause {}", it.did, it.cause)),
        ]);
    }
    table.render(screen)
}

/// Returns what a sweep proposes or did.
pub(crate) fn corrections(all: &[Value], dry_run: bool, screen: &Screen) -> String {
    if all.is_empty() {
        return "nothing to correct\n".into();
    }
    let mut table = Table::new(&[
        ("RULE", Fit::Keep),
        ("TICKET", Fit::Keep),
        (if dry_run { "WOULD" } else { "DID" }, Fit::Wrap),
        ("BECAUSE", Fit::Wrap),
    ]);
    for it in all {
        let what = Some(field(it, "did")).filter(|it| !it.is_empty());
        table.row(vec![
            cell(Tone::Strong, field(it, "rule")),
            text(field(it, "ticket")),
            text(what.unwrap_or_else(|| field(it, "would"))),
            text(field(it, "cause")),
        ]);
    }
    table.render(screen)
}

/// Returns what waits for a person, in the order in which it is best taken.
pub(crate) fn needs_you(items: &[NeedsYouDoc], screen: &Screen) -> String {
    if items.is_empty() {
        return "nothing waits for you\n".into();
    }
    let count = words::count(items.len(), "decision");
    let wait = if items.len() == 1 { "waits" } else { "wait" };
    let mut out = format!("{}\n", screen.paint(Tone::You, &format!("{count} {wait} for you")));
    for item in items {
        let key = screen.paint(Tone::Strong, &item.ticket.key);
        let _ = write!(out, "\n{key}  {}\n", one_line(&item.ticket.title));
        out.push_str(&screen.labelled(&item.kind, Tone::You, &item.what, 2));
        out.push_str(&screen.labelled("Here because", Tone::Plain, &item.rank_reason, 2));
        if !item.detail.trim().is_empty() && item.detail.trim() != item.what {
            out.push('\n');
            out.push_str(&screen.block(&item.detail, 4));
            out.push('\n');
        }
        for line in next_lines(item) {
            out.push_str(&screen.labelled("Do", Tone::Plain, &line, 2));
        }
    }
    out
}

/// The commands that settle an item.
fn next_lines(item: &NeedsYouDoc) -> Vec<String> {
    let key = &item.ticket.key;
    match item.kind.as_str() {
        "signoff" => {
            let mut lines = vec![
                format!("mission gate pass {key} --reason TEXT"),
                format!("mission gate changes {key} --reason TEXT --finding FILE:LINE:TEXT"),
            ];
            if item.nobody_else {
                // Whoever is here would only be refused.
                lines[0] = "mission token new NAME --role operator --person".into();
            }
            if !item.not_by.is_empty() {
                lines.push(format!("mission gate waive {key} --reason TEXT"));
            }
            lines
        }
        "question" => vec![format!("mission answer {key} TEXT")],
        "approval" => {
            let open = item.ticket.approvals.iter().filter(|it| it.state == "requested");
            let ways = |it: &mission_domain::doc::ApprovalDoc| {
                let id = &it.id;
                [format!("mission approve {id}"), format!("mission deny {id} --reason TEXT")]
            };
            open.flat_map(ways).collect()
        }
        "blocked" if item.ticket.reason.code == "campaign_failed" => {
            let child = item.ticket.children.first();
            let reopen = child.map(|it| format!("mission ticket reopen {it}"));
            let new = format!("mission ticket new TITLE --parent {key}");
            reopen
                .into_iter()
                .chain([new, format!("mission ticket cancel {key} --reason TEXT")])
                .collect()
        }
        "blocked" => vec![format!("mission ticket retry {key} --reason TEXT")],
        "work" => {
            let attempt = item.ticket.gates.iter().find(|it| it.state == "active");
            let attempt = attempt.and_then(|it| it.attempt.as_deref()).unwrap_or("A-N");
            vec![format!("mission report done --summary TEXT --attempt {attempt}")]
        }
        "notice" if !item.runtimes.is_empty() => {
            item.runtimes.iter().map(|it| format!("mission runtime resume {it}")).collect()
        }
        _ => vec![format!("mission ticket show {key}")],
    }
}

/// Returns a workflow's gates in order.
pub(crate) fn workflow(workflow: &Workflow, screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("#", Fit::Right),
        ("GATE", Fit::Keep),
        ("WORKED BY", Fit::Keep),
        ("DECIDED BY", Fit::Wrap),
        ("REQUIRES", Fit::Wrap),
        ("WHEN", Fit::Drop),
        ("INDEPENDENT", Fit::Drop),
        ("STALE ON", Fit::Drop),
    ]);
    for (n, gate) in workflow.gates.iter().enumerate() {
        let list = |items: Vec<String>, with: &str| items.join(with);
        table.row(vec![
            cell(Tone::Quiet, (n + 1).to_string()),
            cell(Tone::Strong, gate.id.as_str()),
            text(gate.worker.to_string()),
            text(list(gate.decided_by.iter().map(ToString::to_string).collect(), ", then ")),
            text(list(gate.requires.iter().map(ToString::to_string).collect(), ", ")),
            text(gate.when.to_string()),
            text(gate.independent.map_or_else(String::new, |it| it.to_string())),
            text(gate.stale_on.to_string()),
        ]);
    }
    let lands = if workflow.lands() { "its tickets land" } else { "nothing lands" };
    let name = screen.paint(Tone::Strong, workflow.id.as_str());
    format!(
        "{name} · {} · {lands}\n\n{}",
        words::count(workflow.gates.len(), "gate"),
        table.render(screen)
    )
}

/// Returns one event as a line.
pub(crate) fn event(event: &EventDoc, screen: &Screen) -> String {
    let time = screen.paint(Tone::Quiet, &event.at.strftime("%H:%M:%S").to_string());
    let ticket = event.ticket.as_deref().or(event.project.as_deref()).unwrap_or("home");
    let ticket = screen.paint(Tone::Strong, &format!("{ticket:<8}"));
    let attempt = event.attempt.as_ref().map_or_else(String::new, |it| format!(" · {it}"));
    let who = words::principal(mission_domain::told::who(event));
    let told = mission_domain::told::told(event);
    let told = one_line(&told);
    format!("{time}  {ticket}  {who} {told}{attempt}\n")
}
