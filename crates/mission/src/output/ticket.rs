//! One ticket on the terminal: situation, rail, gates, findings, question, attempts, messages, workspace.

use mission_domain::doc::{AttemptDoc, FindingDoc, GateDoc, MessageDoc, SignoffDoc, TicketDoc};

use super::rail::{is_owed, rail, standing};
use super::table::{Fit, Table, cell, text};
use super::{Screen, Tone, attempt, words, wrapped};

/// How many attempts and messages are shown; the rest is counted.
const NEWEST: usize = 5;

/// A ticket with what belongs to it.
#[derive(Debug)]
pub(crate) struct Whole {
    /// The ticket.
    pub(crate) ticket: TicketDoc,
    /// Its attempts.
    pub(crate) attempts: Vec<AttemptDoc>,
    /// Its messages.
    pub(crate) messages: Vec<MessageDoc>,
}

/// Returns the whole ticket for `screen`.
pub(crate) fn show(whole: &Whole, screen: &Screen) -> String {
    let ticket = &whole.ticket;
    let mut out = head(ticket, screen);
    out.push_str(&situation(ticket, screen));
    out.push_str(&body(ticket, screen));
    if !ticket.gates.is_empty() {
        out.push_str(&screen.heading("Gates"));
        out.push_str(&rail(ticket, screen));
        out.push('\n');
        out.push_str(&gates(ticket, screen));
        out.push_str(&said(ticket, screen));
    }
    out.push_str(&findings(&ticket.findings, screen));
    out.push_str(&attempts(&whole.attempts, screen));
    out.push_str(&messages(&whole.messages, screen));
    out.push_str(&workspace(ticket, screen));
    out
}

fn head(ticket: &TicketDoc, screen: &Screen) -> String {
    let key = screen.paint(Tone::Strong, &ticket.key);
    let title = wrapped(&ticket.title, screen.prose().saturating_sub(ticket.key.len() + 2).max(20));
    let title = title.join(&format!("\n{}", " ".repeat(ticket.key.len() + 2)));
    let (glyph, tone) = words::state(&ticket.state, is_owed(ticket));
    let state = screen.paint(tone, &format!("{glyph} {}", words::plain(&ticket.state)));
    let mut facts = vec![ticket.kind.clone(), ticket.priority.clone(), ticket.workflow.clone()];
    facts.extend(ticket.labels.iter().map(|it| format!("#{it}")));
    let filed = format!(
        "filed {} by {} ({})",
        screen.ago(ticket.created_at),
        words::principal(&ticket.source.principal),
        ticket.source.channel,
    );
    let facts = wrapped(&format!("{} · {filed}", facts.join(" · ")), screen.prose());
    let facts: String = facts.iter().map(|it| screen.paint(Tone::Quiet, it) + "\n").collect();
    format!("{key}  {title}\n{state}\n{facts}")
}

fn situation(ticket: &TicketDoc, screen: &Screen) -> String {
    let mut out = String::from("\n");
    if let Some(next) = &ticket.next_action {
        let (label, tone) = match next.who.kind.as_str() {
            "person" if next.who.name == "anyone" => ("You".to_owned(), Tone::You),
            "person" => (next.who.name.clone(), Tone::You),
            "ticket" => ("Waits".to_owned(), Tone::Plain),
            "time" => {
                let at = words::owed_by(&format!("time:{}", next.who.name), screen.now);
                (format!("At {at}"), Tone::Plain)
            }
            _ => (next.who.name.clone(), Tone::Plain),
        };
        let since = match words::age(next.since, screen.now) {
            age if age == "now" => String::new(),
            age => format!(" (for {age})"),
        };
        let what = format!("{}{since}", next.what);
        out.push_str(&screen.labelled(&label, tone, &what, 2));
    }
    let until = ticket.not_before.filter(|_| ticket.reason.code == "not_before");
    let until = until.map(|at| format!("waits until {}", words::clock(at, screen.now)));
    let why = until.as_deref().unwrap_or(&ticket.reason.text);
    out.push_str(&screen.labelled("Why", Tone::Plain, why, 2));
    if let Some(question) = &ticket.question {
        let label = format!("{} asks", question.attempt);
        out.push_str(&screen.labelled(&label, Tone::You, &question.text, 2));
        let how = format!("mission answer {} TEXT", ticket.key);
        out.push_str(&screen.labelled("Answer with", Tone::Quiet, &how, 2));
    }
    let mut list = |label: &str, keys: &[String]| {
        if !keys.is_empty() {
            out.push_str(&screen.labelled(label, Tone::Plain, &keys.join(", "), 2));
        }
    };
    list("Blocked by", &ticket.blocked_by);
    list("Replaced by", &ticket.superseded_by);
    list("Campaign", ticket.parent.as_slice());
    list("Children", &ticket.children);
    if let Some(at) = ticket.not_before {
        out.push_str(&screen.labelled(
            "Not before",
            Tone::Plain,
            &format!("{at} ({})", screen.ago(at)),
            2,
        ));
    }
    if let Some(commit) = &ticket.landed_as {
        out.push_str(&screen.labelled("Landed as", Tone::Good, words::short(commit), 2));
    }
    out
}

fn body(ticket: &TicketDoc, screen: &Screen) -> String {
    if ticket.body.trim().is_empty() {
        String::new()
    } else {
        format!("\n{}", screen.block(&ticket.body, 2))
    }
}

fn gates(ticket: &TicketDoc, screen: &Screen) -> String {
    let here = standing(ticket).map(|it| it.id.clone());
    let owed = is_owed(ticket);
    let mut table = Table::new(&[
        ("GATE", Fit::Keep),
        ("OUTCOME", Fit::Keep),
        ("BY", Fit::Drop),
        ("ROUND", Fit::Drop),
        ("PACKET", Fit::Drop),
        ("SIGN-OFF", Fit::Wrap),
    ])
    .indented(2);
    for gate in &ticket.gates {
        let is_here = here.as_deref() == Some(gate.id.as_str());
        let (glyph, tone) = words::outcome(&gate.state, is_here && owed);
        let name = format!("{} {}", if is_here { "▸" } else { " " }, words::gate(&gate.id));
        let packet = gate.packet.as_ref();
        table.row(vec![
            cell(if is_here { Tone::Strong } else { Tone::Plain }, name),
            cell(tone, format!("{glyph} {}", words::plain(&gate.state))),
            text(worker(gate)),
            text(if gate.round > 1 { gate.round.to_string() } else { String::new() }),
            cell(
                packet.map_or(Tone::Plain, |it| words::result(&it.status)),
                packet.map_or("", |it| &it.status),
            ),
            cell(signoff_tone(gate.signoff.as_ref()), decided(gate, screen)),
        ]);
    }
    table.render(screen)
}

fn worker(gate: &GateDoc) -> String {
    gate.runtime
        .as_ref()
        .map_or_else(|| gate.role.clone(), |runtime| format!("{} · {runtime}", gate.role))
}

fn signoff_tone(signoff: Option<&SignoffDoc>) -> Tone {
    match signoff {
        Some(it) if !it.fresh => Tone::Warn,
        Some(it) => words::result(&it.verdict),
        None => Tone::Quiet,
    }
}

/// Returns who decided, or who will.
fn decided(gate: &GateDoc, screen: &Screen) -> String {
    let mut parts = Vec::new();
    for signoff in last_of_each(&gate.signoffs, gate.signoff.as_ref()) {
        let stale = if signoff.fresh { "" } else { ", stale" };
        let on = signoff.commit.as_deref();
        let on = on.map_or_else(String::new, |it| format!(" on {}", words::short(it)));
        let level = signoff.independence.as_deref().filter(|it| *it == "principal");
        let level = level.map_or("", |_| ", another principal only");
        let who = words::principal(&signoff.principal);
        let ago = screen.ago(signoff.at);
        parts.push(format!("{} by {who}{on}, {ago}{level}{stale}", signoff.verdict));
    }
    let is_settled = matches!(gate.state.as_str(), "passed" | "waived" | "not_required");
    if parts.is_empty() && !is_settled && gate.required {
        parts.push(gate.decided_by.join(", then "));
    }
    parts.join("\n")
}

/// Returns what was said with the verdicts, and what there is to note of the gates.
fn said(ticket: &TicketDoc, screen: &Screen) -> String {
    let mut out = String::new();
    for gate in &ticket.gates {
        let mut lines = Vec::new();
        for signoff in last_of_each(&gate.signoffs, gate.signoff.as_ref()) {
            if let Some(held) = &signoff.held {
                lines.push(format!("{}: {held}", words::principal(&signoff.principal)));
            }
            if !signoff.reason.trim().is_empty() {
                lines.push(format!("{}: {}", words::principal(&signoff.principal), signoff.reason));
            }
        }
        lines.extend(gate.note.clone());
        if !lines.is_empty() {
            out.push_str(&format!("  {}\n", screen.paint(Tone::Strong, &words::gate(&gate.id))));
            out.extend(lines.iter().map(|it| screen.block(it, 4)));
        }
    }
    if out.is_empty() { out } else { format!("{}{out}", screen.heading("What was said")) }
}

/// The newest verdict of every principal, oldest first; the deciding one alone where no others are told.
fn last_of_each<'d>(
    all: &'d [SignoffDoc],
    deciding: Option<&'d SignoffDoc>,
) -> Vec<&'d SignoffDoc> {
    let is_last = |n: usize, it: &SignoffDoc| {
        !all[n + 1..].iter().any(|later| later.principal == it.principal)
    };
    let last: Vec<_> =
        all.iter().enumerate().filter(|(n, it)| is_last(*n, it)).map(|it| it.1).collect();
    if last.is_empty() { deciding.into_iter().collect() } else { last }
}

fn findings(findings: &[FindingDoc], screen: &Screen) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        ("", Fit::Keep),
        ("STATE", Fit::Keep),
        ("FOUND BY", Fit::Drop),
        ("FINDING", Fit::Wrap),
    ])
    .indented(2);
    for finding in findings {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        let answer = finding.answer.as_ref().map_or_else(String::new, |it| format!("\n→ {it}"));
        table.row(vec![
            cell(Tone::Strong, finding.id.as_str()),
            cell(words::result(&finding.state), finding.state.as_str()),
            text(words::principal(&finding.principal)),
            text(format!("{place}{}{answer}", finding.text)),
        ]);
    }
    format!("{}{}", screen.heading("Findings"), table.render(screen))
}

fn attempts(all: &[AttemptDoc], screen: &Screen) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut newest: Vec<_> = all.iter().collect();
    newest.sort_by_key(|it| std::cmp::Reverse(it.started_at));
    let title = match all.len() {
        n if n > NEWEST => format!("Attempts (the newest {NEWEST} of {n})"),
        _ => "Attempts".into(),
    };
    newest.truncate(NEWEST);
    format!("{}{}", screen.heading(&title), attempt::table(&newest, false, screen))
}

fn messages(all: &[MessageDoc], screen: &Screen) -> String {
    if all.is_empty() {
        return String::new();
    }
    let title = match all.len() {
        n if n > NEWEST => format!("Messages (the newest {NEWEST} of {n})"),
        _ => "Messages".into(),
    };
    let mut newest: Vec<_> = all.iter().collect();
    newest.sort_by_key(|it| std::cmp::Reverse(it.queued_at));
    newest.truncate(NEWEST);
    format!("{}{}", screen.heading(&title), message_table(&newest, false, screen))
}

/// Returns messages as a table; briefs are named, other texts are shown whole.
pub(crate) fn message_table(
    messages: &[&MessageDoc],
    with_ticket: bool,
    screen: &Screen,
) -> String {
    let mut table = Table::new(&[
        ("", Fit::Keep),
        ("TICKET", Fit::Keep),
        ("STATE", Fit::Keep),
        ("FOR", Fit::Drop),
        ("AGE", Fit::Right),
        ("MESSAGE", Fit::Wrap),
    ])
    .indented(2);
    for it in messages {
        let times =
            if it.count > 1 { format!(" (sent {} times)", it.count) } else { String::new() };
        let why = it.why.as_ref().map_or_else(String::new, |why| format!("\n→ {why}"));
        let shown = match it.kind.as_str() {
            "brief" => format!("the brief, {}", words::count(it.body.lines().count(), "line")),
            _ => it.body.clone(),
        };
        table.row(vec![
            cell(Tone::Strong, it.id.as_str()),
            text(if with_ticket { it.ticket.as_str() } else { "" }),
            cell(words::result(&it.state), it.state.as_str()),
            text(it.to.as_str()),
            cell(Tone::Quiet, words::age(it.queued_at, screen.now)),
            text(format!("{shown}{times}{why}")),
        ]);
    }
    table.render(screen)
}

fn workspace(ticket: &TicketDoc, screen: &Screen) -> String {
    let Some(workspace) = &ticket.workspace else { return String::new() };
    let head = workspace.head.as_deref().map_or("no commit yet", words::short);
    let mut line =
        format!("{} at {head}, from {}", workspace.branch, words::short(&workspace.base));
    if workspace.dirty {
        line.push_str(", with uncommitted changes");
    }
    if !workspace.present {
        line.push_str(&format!(
            " (folder removed; `mission workspace restore {}` brings it back)",
            ticket.key
        ));
    }
    format!("{}{}", screen.heading("Workspace"), screen.block(&line, 2))
}
