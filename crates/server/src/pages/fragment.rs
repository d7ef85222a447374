//! The parts of pages with a stable id: pages are made of them, and the live stream sends the same functions' output.
//!
//! | id | function | in page |
//! | --- | --- | --- |
//! | `ask-KEY`, `kinds` | [`ask`], [`kinds`] | needs-you |
//! | `lane-PROJECT-ROLE` | [`lane`] in needs-you, [`fleet_lane`] in fleet | needs-you, fleet |
//! | `heads`, `consoles`, `deaths`, `lede` | [`fleet_heads`], [`consoles`], [`deaths`], [`fleet_lede`] | fleet |
//! | `handled`, `budgets` | [`handled`], [`budgets`] | needs-you, fleet |
//! | `ticket-KEY` | [`card`] | board |
//! | `n-STATE` | [`column_count`] | board |
//! | `band-NAME` | [`band_head`] | board in bands, whose cards are [`band_card`] |
//! | `lede` | [`needs_you_lede`], [`board_lede`] | needs-you, board |
//! | `situation`, `rail`, `gate`, `packet`, `inbox`, `console`, `activity`, `side`, `request`, `tools` | [`situation`], [`rail`], [`gate`], [`packet`], [`inbox`], [`console`], [`activity`], [`side`], [`request_in_full`], [`tools`] | ticket |
//! | `row-KEY`, `heads`, `moves`, `lede` | [`row`], [`heads`], [`moves`], [`campaign_lede`] | ticket of a campaign |
//! | `count-needs-you`, `tab-needs-you`, `count-open`, `count-died` | [`counters`] | all |
//! | `notices` | [`notices`] | all |
//!
//! An element inside one of these that has an id of its own is sent alone where only it changed, and so is a row that
//! comes into a list: the more ids, the less is sent.

use maud::{Markup, html};

use super::view::Counts;

pub use super::ask::ask;
pub use super::bands::{card as band_card, head as band_head};
pub use super::board::{count as column_count, lede as board_lede};
pub use super::budget::panel as budgets;
pub use super::campaign::matrix::{columns, heads, row};
pub use super::campaign::{lede as campaign_lede, moves};
pub use super::card::card;
pub use super::fleet::{
    consoles, deaths, heads as fleet_heads, lane_id, lane_row as fleet_lane, lede as fleet_lede,
    troubles,
};
pub use super::needs_you::{
    handled, held as held_up, kinds, lane_row as lane, lede as needs_you_lede,
};
pub use super::shell::notices;
pub use super::ticket::activity::activity;
pub use super::ticket::console::console;
pub use super::ticket::gate::gate;
pub use super::ticket::inbox::inbox;
pub use super::ticket::packet::packet;
pub use super::ticket::side::{request_in_full, side};
pub use super::ticket::situation::{rail, situation};
pub use super::ticket::tools_of as tools;

/// Returns all counters at once.
pub fn counters(counts: Counts) -> Markup {
    html! {
        (count_needs_you("count-needs-you", counts)) (count_needs_you("tab-needs-you", counts))
        (count_open(counts)) (count_died(counts))
    }
}

/// Returns the number of decisions that wait, hidden at none.
pub(super) fn count_needs_you(id: &str, counts: Counts) -> Markup {
    html! { b.count.you id=(id) hidden[counts.needs_you == 0] aria-label={ (counts.needs_you) " waiting" } { (counts.needs_you) } }
}

/// Returns the number of open tickets.
pub(super) fn count_open(counts: Counts) -> Markup {
    html! { small id="count-open" { (counts.open) } }
}

/// Returns the number of deaths, hidden at none.
pub(super) fn count_died(counts: Counts) -> Markup {
    html! { small.warn id="count-died" hidden[counts.died == 0] { (counts.died) " died" } }
}
