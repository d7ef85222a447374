//! *Needs you*: the decisions, and beside or below them what the chosen one is about.

use mission_domain::doc::{ApprovalDoc, NeedsYouDoc};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::{blank, first_shown, fitted, printed, scrolled};
use crate::output::rail::standing;
use crate::output::{Screen, Tone, broken, words};
use crate::tui::model::{Extent, Model};

/// From this width on the text stands beside the list.
const BESIDE: u16 = 140;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, area: Rect) -> Extent {
    let Some(items) = &model.picture.needs_you else {
        return blank(frame, model, "Asking what waits for you …", area);
    };
    let Some(item) = items.get(model.decision.1) else {
        let text = "Nothing waits for you. Lanes go on by themselves; what needs you comes here at once. g b shows the board, g f the lanes at work.";
        return blank(frame, model, text, area);
    };
    let is_beside = area.width >= BESIDE;
    let rows = u16::try_from(items.len()).unwrap_or(u16::MAX);
    let [list, text] = if is_beside {
        let [list, _, text] = Layout::horizontal([
            Constraint::Percentage(50),
            Constraint::Length(2),
            Constraint::Fill(1),
        ])
        .areas(area);
        [list, text]
    } else {
        let most = (area.height / 3).max(3);
        let [list, rule, text] = Layout::vertical([
            Constraint::Length(rows.min(most)),
            Constraint::Length(1),
            Constraint::Fill(1),
        ])
        .areas(area);
        let line = "─".repeat(usize::from(rule.width));
        frame.render_widget(Paragraph::new(line).style(model.look().of(Tone::Quiet)), rule);
        [list, text]
    };
    let height = usize::from(list.height);
    let from = first_shown(model.decision.1, items.len(), height);
    let shown = items.iter().enumerate().skip(from).take(height);
    let lines: Vec<_> =
        shown.map(|(n, it)| row(model, it, n == model.decision.1, list.width)).collect();
    frame.render_widget(Paragraph::new(lines), list);
    let told = detail(item, &model.screen(text.width));
    scrolled(frame, printed(&told), model.scroll, text)
}

fn kind(word: &str) -> &str {
    match word {
        "signoff" => "Sign-off",
        "question" => "Question",
        "approval" => "Approval",
        "blocked" => "Blocked",
        "work" => "Your work",
        "notice" => "Notice",
        other => other,
    }
}

fn row(model: &Model, item: &NeedsYouDoc, is_chosen: bool, width: u16) -> Line<'static> {
    let look = model.look();
    let since = item.ticket.next_action.as_ref().map(|it| words::age(it.since, model.now));
    let holds =
        if item.holds_up > 0 { format!("holds up {}  ", item.holds_up) } else { String::new() };
    let right = format!("  {holds}{:>7} ", since.unwrap_or_default());
    let gate =
        standing(&item.ticket).map_or_else(String::new, |it| format!("{} · ", words::gate(&it.id)));
    let room = usize::from(width).saturating_sub(2 + 11 + 10 + right.len());
    let mark = if is_chosen { "▸ " } else { "  " };
    let line = Line::from(vec![
        look.span(Tone::You, mark),
        look.span(Tone::You, &fitted(kind(&item.kind), 11)),
        look.span(Tone::Strong, &fitted(&item.ticket.key, 10)),
        look.span(Tone::Plain, &fitted(&format!("{gate}{}", item.ticket.title), room)),
        look.span(Tone::Quiet, &right),
    ]);
    if is_chosen {
        line.patch_style(ratatui::style::Style::new().add_modifier(Modifier::REVERSED))
    } else {
        line
    }
}

/// Returns what a decision is about: title, situation, what was delivered, the command or the question.
fn detail(item: &NeedsYouDoc, screen: &Screen) -> String {
    let ticket = &item.ticket;
    let mut out = format!("{}\n", screen.paint(Tone::Strong, &ticket.key));
    out.push_str(&screen.block(&ticket.title, 0));
    out.push_str(&screen.labelled(kind(&item.kind), Tone::You, &item.what, 0));
    if let Some(gate) = standing(ticket) {
        let round = if gate.round > 1 { format!(", round {}", gate.round) } else { String::new() };
        let by =
            gate.runtime.as_ref().map_or_else(String::new, |it| format!(", {} · {it}", gate.role));
        out.push_str(&screen.labelled(
            "Gate",
            Tone::Plain,
            &format!("{}{round}{by}", words::gate(&gate.id)),
            0,
        ));
        if let Some(packet) = &gate.packet {
            let on = packet.commit.as_deref().map_or("no commit", words::short);
            let text = format!(
                "{on}, packet {}, {}",
                words::short(&packet.digest),
                words::plain(&packet.status)
            );
            out.push_str(&screen.labelled("Commit", words::result(&packet.status), &text, 0));
        }
    }
    out.push_str(&screen.labelled("Why", Tone::Plain, &ticket.reason.text, 0));
    out.push_str(&screen.labelled("Here because", Tone::Quiet, &item.rank_reason, 0));
    for approval in ticket.approvals.iter().filter(|it| it.state == "requested") {
        out.push_str(&request(approval, screen));
    }
    let text = item.detail.trim();
    if !text.is_empty() && text != item.what.trim() {
        out.push('\n');
        out.push_str(&screen.block(text, 0));
    }
    out
}

fn request(approval: &ApprovalDoc, screen: &Screen) -> String {
    let mut out = String::from("\n");
    for line in broken(&format!("$ {}", approval.command), screen.prose()) {
        out.push_str(&format!("{}\n", screen.paint(Tone::Strong, &line)));
    }
    out.push_str(&screen.labelled("In", Tone::Plain, &approval.cwd, 0));
    if let Some(commit) = &approval.commit {
        out.push_str(&screen.labelled("At", Tone::Plain, words::short(commit), 0));
    }
    let left = words::ago(approval.expires_at, screen.now);
    out.push_str(&screen.labelled("Void", Tone::Plain, &left, 0));
    out
}
