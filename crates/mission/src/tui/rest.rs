//! What keys act on, and the pause after it went: a key that was meant for one ticket never acts on another.

use std::time::Duration;

use crossterm::event::KeyCode;
use mission_domain::doc::NeedsYouDoc;
use mission_domain::ids::Timestamp;

use super::model::{Model, Place, Said};
use crate::output::rail::standing;
use crate::output::{Tone, cut};

/// How long keys rest after what they would have acted on went: longer than it takes to see it, and to stop typing.
pub(super) const REST: Duration = Duration::from_millis(700);

/// Columns of what somebody did, as the foot tells it.
const TOLD: usize = 120;

/// One decision as it was seen. With another gate, packet, request or question it is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The ticket.
    pub(crate) key: String,
    kind: String,
    gate: Option<String>,
    packet: Option<String>,
    approval: Option<String>,
    attempt: Option<String>,
}

impl Asked {
    /// Returns what is asked at `item`.
    pub(crate) fn of(item: &NeedsYouDoc) -> Self {
        let (ticket, gate) = (&item.ticket, standing(&item.ticket));
        let approval = ticket.approvals.iter().find(|it| it.state == "requested");
        let asker = ticket.question.as_ref().map(|it| it.attempt.clone());
        let own = gate.filter(|_| item.kind == "work").and_then(|it| it.attempt.clone());
        Self {
            key: ticket.key.clone(),
            kind: item.kind.clone(),
            gate: gate.map(|it| it.id.clone()),
            packet: gate.and_then(|it| it.packet.as_ref()).map(|it| it.digest.clone()),
            approval: approval.map(|it| it.id.clone()),
            attempt: asker.or(own),
        }
    }

    /// Returns why it is not what waits any more; nothing while it is. `told` is who did what to the ticket last.
    pub(crate) fn over(&self, decisions: &[NeedsYouDoc], told: Option<&str>) -> Option<String> {
        let by = told.map_or_else(String::new, |it| format!(": {it}"));
        let Some(item) = decisions.iter().find(|it| it.ticket.key == self.key) else {
            return Some(format!("{} was decided elsewhere{by}", self.key));
        };
        let now = Self::of(item);
        if now == *self {
            return None;
        }
        let what = if now.gate != self.gate {
            format!("{} stands at another gate now", self.key)
        } else if now.packet != self.packet {
            format!("another packet of {} has come since this was shown", self.key)
        } else {
            format!("{} asks for something else now", self.key)
        };
        Some(format!("{what}{by}"))
    }
}

/// What keys act on: the chosen line, and what is asked there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    line: Option<String>,
    asked: Option<Asked>,
}

/// The pause after what was chosen went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    /// What went, as a sentence without its end.
    went: String,
    /// Whether that has to be read before the next decision is sent: somebody else was first.
    is_news: bool,
    /// Until then nothing is acted on.
    until: Timestamp,
    /// Whether a key came that would have acted: what follows it was typed ahead too.
    is_typed_ahead: bool,
}

impl Rest {
    /// Returns what has to be read before the next decision is sent; nothing where nobody else was first.
    pub(super) fn news(&self) -> Option<&str> {
        self.is_news.then_some(&*self.went)
    }
}

impl Model {
    /// Returns what keys act on.
    pub(super) fn chosen(&self) -> Chosen {
        let line = match &self.place {
            Place::NeedsYou => self.current().map(|it| it.ticket.key.clone()),
            Place::Board => self.chosen_card().map(|it| it.key.clone()),
            Place::Fleet => self.chosen_line().map(|it| it.name()),
            Place::Ticket(key) | Place::Packet(key) => Some(key.clone()),
        };
        Chosen { line, asked: self.current().map(Asked::of) }
    }

    /// Lets the keys rest where what they acted on `before` is not what they would act on now, and says what went.
    pub(super) fn rest_after(&mut self, before: &Chosen) {
        let after = self.chosen();
        let Some(line) = &before.line else { return };
        let is_same_line = after.line.as_ref() == Some(line);
        if is_same_line && (before.asked.is_none() || before.asked == after.asked) {
            return;
        }
        let told = self.told.get(line).map(|it| it.0.as_str());
        let over = before.asked.as_ref().and_then(|it| it.over(self.decisions(), told));
        let is_own = self.own.take_if(|it| it == line).is_some();
        let is_news = over.is_some() && !is_own;
        let until = self.now + REST;
        // The rest of the same change: what was said of it stands.
        if let Some(rest) = self.rest.as_mut().filter(|it| over.is_none() && self.now < it.until) {
            rest.until = until;
            return;
        }
        let went = over.unwrap_or_else(|| format!("{line} stands elsewhere now"));
        // A dialog that was opened for it says so itself.
        let is_open = self.dialog.as_ref().and_then(|it| it.asked.as_ref());
        if is_news && is_open.is_none_or(|it| it.key != *line) {
            let now = match &after.line {
                Some(other) if !is_same_line => format!("; {other} is chosen now"),
                Some(_) | None => String::new(),
            };
            self.said = Some(Said { text: format!("{went}{now}"), tone: Tone::Warn });
        }
        self.rest = Some(Rest { went, is_news, until, is_typed_ahead: false });
    }

    /// Returns whether the keys rest, so that `code` does nothing. A move ends it, unless it was typed behind what acts.
    pub(super) fn rests(&mut self, code: KeyCode) -> bool {
        let is_acting = match code {
            KeyCode::Char(c) => "ardw1umtp".contains(c),
            code => code == KeyCode::Enter,
        };
        let now = self.now;
        let Some(rest) = &mut self.rest else { return false };
        if now < rest.until && (is_acting || rest.is_typed_ahead) {
            (rest.is_typed_ahead, rest.until) = (true, now + REST);
            let text = format!("{}: that key did nothing", rest.went);
            let here =
                self.chosen().line.map_or_else(String::new, |it| format!("; {it} is chosen now"));
            self.said = Some(Said { text: format!("{text}{here}"), tone: Tone::Warn });
            return true;
        }
        if !is_acting {
            self.rest = None;
        }
        false
    }
}

/// Returns what somebody did as the foot tells it: on one line, and not too long.
pub(super) fn in_short(told: &str) -> String {
    cut(told, TOLD).into_owned()
}
