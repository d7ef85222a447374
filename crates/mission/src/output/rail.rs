//! The gates of a ticket in one line: a glyph and a name for each, the active one marked.

use mission_domain::doc::{GateDoc, TicketDoc};
use unicode_width::UnicodeWidthStr as _;

use super::{Screen, Tone, words};

/// Returns whether a person owes the ticket's next action.
pub(crate) fn is_owed(ticket: &TicketDoc) -> bool {
    ticket.next_action.as_ref().is_some_and(|it| it.who.kind == "person")
}

/// Returns the gate that the ticket stands at: the active one, else the first that is not settled.
pub(crate) fn standing<'t>(ticket: &'t TicketDoc) -> Option<&'t GateDoc> {
    let is_settled =
        |it: &&'t GateDoc| matches!(it.state.as_str(), "passed" | "waived" | "not_required");
    let has_ended = matches!(ticket.state.as_str(), "done" | "cancelled" | "superseded");
    let active = ticket.gates.iter().find(|it| it.state == "active");
    active.or_else(|| ticket.gates.iter().find(|it| !has_ended && !is_settled(it)))
}

/// Returns the rail, on as many lines as it needs.
pub(crate) fn rail(ticket: &TicketDoc, screen: &Screen) -> String {
    const JOIN: &str = " ─ ";
    let here = standing(ticket).map(|it| it.id.as_str());
    let owed = is_owed(ticket);
    let room = screen.columns.unwrap_or(usize::MAX).saturating_sub(4).max(20);
    let mut out = String::from("  ");
    let mut used = 0;
    for (n, gate) in ticket.gates.iter().enumerate() {
        let is_here = here == Some(gate.id.as_str());
        let (glyph, tone) = words::outcome(&gate.state, is_here && owed);
        let name = words::gate(&gate.id);
        let text = if is_here { format!("[{glyph} {name}]") } else { format!("{glyph} {name}") };
        let width = text.width() + if n == 0 { 0 } else { JOIN.width() };
        if n > 0 && used + width > room {
            out.push_str(&screen.paint(Tone::Quiet, " ─"));
            out.push_str("\n  ");
            used = 0;
        } else if n > 0 {
            out.push_str(&screen.paint(Tone::Quiet, JOIN));
        }
        used += width;
        out.push_str(&screen.paint(tone, &text));
    }
    out.push('\n');
    out
}
