//! *Ticket* and its packets: what the command line prints of them, scrolled.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{blank, printed, scrolled};
use crate::output::{packet, ticket};
use crate::tui::model::{Extent, Model};

/// Draws a ticket.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, key: &str, area: Rect) -> Extent {
    match model.picture.ticket.as_ref().filter(|it| it.ticket.key == key) {
        Some(whole) => {
            let text = ticket::show(whole, &model.screen(area.width));
            scrolled(frame, printed(&text), model.scroll, area)
        }
        None => blank(frame, model, &format!("Asking for {key} …"), area),
    }
}

/// Draws the packets of a ticket.
pub(super) fn packets(frame: &mut Frame<'_>, model: &Model, key: &str, area: Rect) -> Extent {
    match model.picture.packets.as_ref().filter(|it| it.0 == key) {
        Some((_, packets)) => {
            let text = packet::show(packets, &model.screen(area.width));
            scrolled(frame, printed(&text), model.scroll, area)
        }
        None => blank(frame, model, &format!("Asking for the packets of {key} …"), area),
    }
}
