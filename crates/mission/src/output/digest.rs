//! The digest as text.

use mission_control::{DigestDoc, DigestTicketDoc};

use super::wrap::one_line;
use super::{Screen, Tone, words};

/// The most changes of one ticket that are shown; the newest stay.
const MOST_CHANGES: usize = 8;

/// Returns what changed, ticket by ticket, and how much waits for people.
pub(crate) fn digest(digest: &DigestDoc, screen: &Screen) -> String {
    let since = screen.ago(digest.since);
    let changed = match digest.tickets.len() {
        0 => format!("nothing changed since {since}"),
        n => format!("{} changed since {since}", words::count(n, "ticket")),
    };
    let waiting = match digest.needs_you {
        0 => screen.paint(Tone::Quiet, "nothing waits for you"),
        1 => screen.paint(Tone::You, "1 decision waits for you: `mission needs-you`"),
        n => screen.paint(Tone::You, &format!("{n} decisions wait for you: `mission needs-you`")),
    };
    let mut out = format!("{changed}; {waiting}\n");
    if digest.is_cut {
        out +=
            "older changes were left out: there are too many. Name a later moment with `--since`\n";
    }
    for ticket in &digest.tickets {
        out += &changes(ticket, screen);
    }
    out
}

fn changes(ticket: &DigestTicketDoc, screen: &Screen) -> String {
    let (glyph, tone) = words::state(&ticket.state, false);
    let state = screen.paint(tone, &format!("{glyph} {}", words::plain(&ticket.state)));
    let key = screen.paint(Tone::Strong, &ticket.key);
    let mut out = format!("\n{key}  {}\n  {state}", one_line(&ticket.title));
    if !ticket.next.is_empty() {
        out += &format!(" · {}", one_line(&ticket.next));
    }
    out += "\n";
    let hidden = ticket.changes.len().saturating_sub(MOST_CHANGES);
    if hidden > 0 {
        let text = format!("  {} before these", words::count(hidden, "change"));
        out += &format!("{}\n", screen.paint(Tone::Quiet, &text));
    }
    for change in ticket.changes.iter().skip(hidden) {
        let times = if change.count > 1 { format!(" ×{}", change.count) } else { String::new() };
        let who = words::principal(&change.principal);
        let text = format!("{who} {}{times}", one_line(&change.text));
        out += &screen.labelled(&screen.ago(change.at), Tone::Plain, &text, 2);
    }
    out
}
