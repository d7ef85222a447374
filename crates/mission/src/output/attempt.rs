//! Attempts on the terminal: the table, and one with its terminal record and death report.

use mission_domain::doc::{AttemptDoc, DeathDoc, TerminalDoc};

use super::table::{Fit, Table, cell, text};
use super::{Screen, Tone, words};

/// Returns attempts as a table; a death names its cause.
pub(crate) fn table(attempts: &[&AttemptDoc], with_ticket: bool, screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("", Fit::Keep),
        ("TICKET", Fit::Keep),
        ("GATE", Fit::Keep),
        ("BY", Fit::Drop),
        ("STATE", Fit::Keep),
        ("AGE", Fit::Right),
        ("HOW IT WENT", Fit::Wrap),
    ])
    .indented(2);
    for it in attempts {
        let round = if it.round > 1 { format!(" (round {})", it.round) } else { String::new() };
        table.row(vec![
            cell(Tone::Strong, it.id.as_str()),
            text(if with_ticket { it.ticket.as_str() } else { "" }),
            text(format!("{}{round}", words::gate(&it.gate))),
            text(format!("{} · {}", it.role, it.runtime)),
            cell(words::result(&it.state), words::plain(&it.state)),
            cell(Tone::Quiet, words::age(it.started_at, screen.now)),
            cell(tone(it), story(it)),
        ]);
    }
    table.render(screen)
}

fn tone(attempt: &AttemptDoc) -> Tone {
    match attempt.terminal.as_ref().map(|it| it.status.as_str()) {
        Some("died" | "expired" | "refused") => Tone::Bad,
        Some("reported") => Tone::Good,
        Some(_) | None => Tone::Plain,
    }
}

/// Returns how an attempt ended, in a line: a death with its cause.
fn story(attempt: &AttemptDoc) -> String {
    let Some(terminal) = &attempt.terminal else { return String::new() };
    let cause = match terminal.root_cause.as_str() {
        "none" | "" => String::new(),
        cause => format!(" ({})", words::plain(cause)),
    };
    let death = attempt.death.as_ref().map_or_else(String::new, |it| format!(": {}", how(it)));
    match terminal.status.as_str() {
        "died" => format!("died{cause}{death}"),
        status => format!("{}{cause}: {}", words::plain(status), terminal.summary),
    }
}

/// Returns the ways a process can have ended, as far as they were seen.
fn how(death: &DeathDoc) -> String {
    let mut parts = Vec::new();
    match (death.exit_code, &death.signal) {
        (_, Some(signal)) => parts.push(format!("signal {signal}")),
        (Some(code), None) => parts.push(format!("exit code {code}")),
        (None, None) => parts.push("exit code and signal were not seen".into()),
    }
    if death.oom != "no" {
        parts.push(format!("out of memory: {}", death.oom));
    }
    if let Some(bytes) = death.max_rss_bytes {
        parts.push(format!("peak memory {}", words::bytes(bytes)));
    }
    parts.join(", ")
}

/// Returns one attempt whole.
pub(crate) fn show(it: &AttemptDoc, screen: &Screen) -> String {
    let mut out = format!(
        "{}  {} · {} · round {}\n",
        screen.paint(Tone::Strong, &it.id),
        it.ticket,
        words::gate(&it.gate),
        it.round
    );
    let state = screen.paint(words::result(&it.state), &words::plain(&it.state));
    let model = it.model.as_deref().map_or_else(String::new, |it| format!(" · {it}"));
    out.push_str(&format!(
        "{state} (seen by {}) · {} · {}{model} · epoch {}\n\n",
        it.state_source, it.role, it.runtime, it.epoch
    ));
    let mut line =
        |label: &str, value: String| out.push_str(&screen.labelled(label, Tone::Plain, &value, 2));
    line("Started", screen.ago(it.started_at));
    if let Some(at) = it.last_progress_at.filter(|_| it.ended_at.is_none()) {
        line("Progress", screen.ago(at));
    }
    if let Some(at) = it.ended_at {
        let took = words::lasted(at.as_second() - it.started_at.as_second());
        line("Ended", format!("{}, after {took}", screen.ago(at)));
    }
    if let Some(pid) = it.pid {
        line("Process", pid.to_string());
    }
    if let Some(tmux) = &it.tmux {
        line("tmux", tmux.clone());
    }
    if let Some(session) = &it.session {
        line("Session", session.text.clone());
    }
    line("Used", used(it));
    out.push_str(&it.terminal.as_ref().map_or_else(String::new, |it| terminal(it, screen)));
    out.push_str(&it.death.as_ref().map_or_else(String::new, |it| death(it, screen)));
    out
}

/// What is not known is said, never shown as zero.
fn used(it: &AttemptDoc) -> String {
    let tokens = it.usage.tokens.map_or_else(|| "tokens unknown".into(), |n| format!("{n} tokens"));
    let cost = it.usage.cost_usd.map_or_else(|| "cost unknown".into(), |n| format!("{n:.2} USD"));
    let wall = it.usage.wall_s.map_or_else(|| "time unknown".into(), |n| format!("{n:.1} s"));
    format!("{wall}, {tokens}, {cost}")
}

fn terminal(it: &TerminalDoc, screen: &Screen) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let mut out = screen.heading("Terminal record");
    let mut line = |label: &str, tone: Tone, value: &str| {
        out.push_str(&screen.labelled(label, tone, value, 2))
    };
    line("Status", Tone::Strong, &words::plain(&it.status));
    line("Summary", Tone::Plain, &it.summary);
    line("Root cause", Tone::Plain, &words::plain(&it.root_cause));
    line("Safe retry", Tone::Plain, yes(it.safe_retry));
    line("Ended by", Tone::Plain, &it.stop_condition);
    let tone = if it.human_input_required { Tone::You } else { Tone::Plain };
    line(
        "Person",
        tone,
        if it.human_input_required { "must act before it can go on" } else { "need not act" },
    );
    for (n, next) in it.next_actions.iter().enumerate() {
        line(if n == 0 { "Next" } else { "" }, Tone::Plain, next);
    }
    for (n, digest) in it.artifacts.iter().enumerate() {
        line(if n == 0 { "Artifacts" } else { "" }, Tone::Plain, digest);
    }
    out
}

fn death(it: &DeathDoc, screen: &Screen) -> String {
    let mut out = screen.heading("Death report");
    let unknown = || "not seen".to_owned();
    let mut line =
        |label: &str, value: String| out.push_str(&screen.labelled(label, Tone::Plain, &value, 2));
    line(
        "Exit code",
        it.exit_code.map_or_else(
            || it.signal.as_ref().map_or_else(unknown, |_| "none: ended by a signal".into()),
            |it| it.to_string(),
        ),
    );
    line(
        "Signal",
        it.signal
            .clone()
            .unwrap_or_else(|| if it.exit_code.is_some() { "none".into() } else { unknown() }),
    );
    line("Memory out", it.oom.clone());
    line("Peak memory", it.max_rss_bytes.map_or_else(unknown, words::bytes));
    line("Last tool", it.last_tool.clone().unwrap_or_else(unknown));
    for (n, orphan) in it.orphans.iter().enumerate() {
        line(if n == 0 { "Left over" } else { "" }, orphan.clone());
    }
    let last = it.last_output.trim_end();
    if last.is_empty() {
        line("Last output", "none".into());
    } else {
        out.push_str(&screen.labelled("Last output", Tone::Plain, "", 2));
        out.push_str(&screen.block(last, 4));
    }
    out
}
