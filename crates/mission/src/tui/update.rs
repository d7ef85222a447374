//! What happens to the view: every input changes the model, and what has to be done outside comes back as effects.

use std::collections::BTreeSet;
use std::time::Duration;

use crossterm::event::{Event as Key, KeyEventKind};
use mission_domain::doc::EventDoc;
use mission_domain::ids::Timestamp;
use mission_domain::told;

use super::ask::{Order, Stage};
use super::model::{Link, Model, Part, Said, Want, stacked};
use super::{keys, rest};
use crate::failure::{Exit, Failure};
use crate::output::Tone;

/// How long changes are gathered before they are asked for.
const GATHER: Duration = Duration::from_millis(120);

/// How long after a failure the same is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// A fetch that took a while is not repeated before this many times as long.
const REST: i32 = 10;

/// What the foot says at an open decision while nobody answers.
pub(super) const NO_SERVER: &str = "no server answers, so nothing was sent; enter tries it again";

/// One event of the log, as far as the view needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    /// The project; none for the home itself.
    pub(crate) project: Option<String>,
    /// The ticket.
    pub(crate) ticket: Option<String>,
    /// What kind of event.
    pub(crate) kind: String,
    /// Who did what.
    pub(crate) told: String,
}

impl Happened {
    /// Returns what the view needs of `event`.
    pub(crate) fn of(event: EventDoc) -> Self {
        let who = told::principal(told::who(&event));
        let told = rest::in_short(&format!("{who} {}", told::told(&event)));
        Self { project: event.project, ticket: event.ticket, kind: event.kind, told }
    }

    /// Returns whether somebody decided something with it, or ended what was to be decided.
    fn decides(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "judged"
                | "verdict_withdrawn"
                | "question_answered"
                | "approval_given"
                | "approval_denied"
                | "approval_expired"
                | "approval_voided"
                | "retried"
                | "unblocked"
                | "reported"
                | "parked"
                | "cancelled"
                | "superseded"
        )
    }

    /// Returns whether a verdict that was given before it cannot be taken back any more.
    fn ends_undo(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "claimed" | "landed" | "finished" | "cancelled" | "superseded" | "verdict_withdrawn"
        )
    }
}

/// What the view is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A key, a paste, or another size.
    Terminal(Key),
    /// The server answers, and tells from now on what happens.
    Linked {
        /// Its address.
        url: String,
    },
    /// The server is there; nothing happened.
    Beat,
    /// Something happened.
    Happened(Happened),
    /// The server no longer answers.
    Lost(String),
    /// The moment that [`Model::wake`] named.
    Due,
    /// A part of the picture.
    Got(Part),
    /// A part could not be had.
    NotGot(Want, Failure),
    /// All parts that were asked for are there.
    Fetched,
    /// An order was carried out; with what it led to.
    Done(Order, String),
    /// An order was refused.
    Refused(Failure),
    /// A program that had the terminal has given it back.
    Back(Option<String>),
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask for these parts.
    Fetch(BTreeSet<Want>),
    /// Send this order with this text.
    Send(Order, String),
    /// Give the terminal to an attempt's screen.
    Attach(String),
    /// Stop, until the shell goes on with the view.
    Suspend,
    /// End.
    Quit,
}

impl Model {
    /// Returns when something changes by itself: parts are due, or an age is told anew.
    pub(crate) fn wake(&self) -> Timestamp {
        let told = match &self.link {
            Link::Gone { since, .. } => Some(*since),
            Link::Live => self.changed_at,
            Link::Connecting => None,
        };
        // An age in seconds changes every second, one in minutes every minute.
        let is_young = told.is_some_and(|it| self.now.duration_since(it).as_secs() < 60);
        let age = self.now + Duration::from_secs(if is_young { 1 } else { 30 });
        match self.not_before {
            Some(due) if self.is_due() => due.max(self.now).min(age),
            Some(_) | None => age,
        }
    }

    /// Returns whether something is to be fetched and nothing is on its way.
    fn is_due(&self) -> bool {
        self.fetching.is_none()
            && self.link == Link::Live
            && self.wanted().iter().any(|it| self.stale.contains(it))
    }

    /// Marks what this screen shows as no longer known, where it was never asked for.
    pub(crate) fn arrive(&mut self) {
        let unknown = |want: &Want| match want {
            Want::NeedsYou => self.picture.needs_you.is_none(),
            Want::Board => self.picture.board.is_none(),
            Want::Fleet => self.picture.fleet.is_none(),
            Want::Ticket(key) => {
                self.picture.ticket.as_ref().is_none_or(|it| it.ticket.key != *key)
            }
            Want::Packet(key) => self.picture.packets.as_ref().is_none_or(|it| it.0 != *key),
        };
        let missing: Vec<_> = self.wanted().into_iter().filter(unknown).collect();
        self.stale.extend(missing);
        self.not_before = Some(self.now);
        self.scroll = 0;
    }

    fn fetch_what_is_due(&mut self) -> Vec<Effect> {
        if !self.is_due() || self.not_before.is_some_and(|it| it > self.now) {
            return Vec::new();
        }
        let wants: BTreeSet<_> = self.wanted().intersection(&self.stale).cloned().collect();
        self.stale.retain(|it| !wants.contains(it));
        self.fetching = Some(self.now);
        vec![Effect::Fetch(wants)]
    }

    fn mark(&mut self, happened: &Happened) {
        let is_elsewhere =
            |mine: &String| happened.project.as_ref().is_some_and(|other| other != mine);
        if self.project.as_ref().is_some_and(is_elsewhere) {
            return;
        }
        self.changed_at = Some(self.now);
        self.hear(happened);
        self.stale.extend([Want::NeedsYou, Want::Fleet, Want::Board]);
        if let (Some(key), Some(changed)) = (self.place.ticket(), &happened.ticket) {
            let near = self.picture.ticket.as_ref().map(|it| &it.ticket);
            let near = near.filter(|it| it.key == key);
            let is_near = near.is_some_and(|it| {
                let mut all = it.children.iter().chain(&it.blocked_by).chain(&it.parent);
                all.any(|other| other == changed)
            });
            if key == changed || is_near {
                self.stale.extend(self.wanted());
            }
        }
        // An open screen that is left behind is asked for anew when it is come back to.
        let (ticket, packets) = (&mut self.picture.ticket, &mut self.picture.packets);
        let is_open = |key: &str| self.place.ticket() == Some(key);
        if ticket.as_ref().is_some_and(|it| !is_open(&it.ticket.key)) {
            *ticket = None;
        }
        if packets.as_ref().is_some_and(|it| !is_open(&it.0)) {
            *packets = None;
        }
        if self.not_before.is_none_or(|it| it < self.now) {
            self.not_before = Some(self.now + GATHER);
        }
    }

    /// Keeps who decided what waits here, and whether what was decided here can still be taken back.
    fn hear(&mut self, happened: &Happened) {
        let Some(key) = &happened.ticket else { return };
        if happened.decides() && self.decisions().iter().any(|it| it.ticket.key == *key) {
            self.told.insert(key.clone(), (happened.told.clone(), self.now));
        }
        if !happened.ends_undo() {
            return;
        }
        let mine = [&mut self.sent, &mut self.given].into_iter().flatten();
        for given in mine.filter(|it| it.key == *key && it.over.is_none()) {
            given.over = Some(happened.told.clone());
        }
        if let Some(dialog) = &mut self.dialog
            && matches!(&dialog.order, Order::Withdraw { key: of, .. } if of == key)
            && dialog.stage != Stage::Sent
        {
            let why = format!("it cannot be taken back any more: {}", happened.told);
            dialog.stage = Stage::Changed(why);
        }
    }

    fn take(&mut self, part: Part) {
        let before = self.chosen();
        let is_decisions = matches!(part, Part::NeedsYou(_));
        self.put(part);
        self.rest_after(&before);
        if is_decisions {
            // What was heard before this was asked for has had its effect.
            let since = self.fetching.unwrap_or(self.now);
            self.told.retain(|_, told| told.1 >= since);
        }
    }

    fn put(&mut self, part: Part) {
        match part {
            Part::NeedsYou(items) => {
                let (key, at) = &self.decision;
                let found = items.iter().position(|it| it.ticket.key == *key);
                let at = found.unwrap_or((*at).min(items.len().saturating_sub(1)));
                let key = items.get(at).map_or_else(String::new, |it| it.ticket.key.clone());
                self.decision = (key, at);
                if let Some(dialog) = &mut self.dialog {
                    let key = dialog.asked.as_ref().map(|it| &it.key);
                    let told = key.and_then(|it| self.told.get(it)).map(|it| it.0.as_str());
                    dialog.compare(&items, told);
                }
                self.picture.needs_you = Some(items);
            }
            Part::Board(cards) => {
                let is_first = self.picture.board.is_none();
                self.picture.board = Some(stacked(cards, self.now));
                if is_first {
                    self.stack = (0..5).rev().find(|it| owed(self, *it)).unwrap_or(0);
                }
                self.keep_card();
            }
            Part::Fleet(fleet) => {
                let line = self.chosen_line().map(|it| it.name());
                let lines = fleet.lines();
                let found = lines.iter().position(|it| line.as_ref() == Some(&it.name()));
                self.lane = found.unwrap_or(self.lane.min(lines.len().saturating_sub(1)));
                self.picture.fleet = Some(fleet);
            }
            Part::Ticket(whole) => self.picture.ticket = Some(whole),
            Part::Packet(key, packets) => self.picture.packets = Some((key, packets)),
        }
    }

    /// Keeps the chosen card chosen wherever it stands now within its stack.
    pub(crate) fn keep_card(&mut self) {
        let cards = self.cards(self.stack);
        let found = cards.iter().position(|it| it.key == self.card.0);
        let at = found.unwrap_or(self.card.1.min(cards.len().saturating_sub(1)));
        self.card = (cards.get(at).map_or_else(String::new, |it| it.key.clone()), at);
    }
}

fn owed(model: &Model, stack: usize) -> bool {
    model.cards(stack).iter().any(|it| it.is_owed())
}

/// Applies one input at the moment `now`.
pub(crate) fn update(model: &mut Model, input: Input, now: Timestamp) -> Vec<Effect> {
    model.now = now;
    let mut effects = match input {
        Input::Terminal(Key::Key(key)) if key.kind != KeyEventKind::Release => {
            keys::pressed(model, key)
        }
        Input::Terminal(Key::Paste(text)) => keys::pasted(model, &text),
        // Another size is found by the next drawing.
        Input::Terminal(Key::Resize(..)) => {
            if let Some(dialog) = &mut model.dialog {
                dialog.read_anew();
            }
            Vec::new()
        }
        Input::Terminal(Key::Key(_) | Key::FocusGained | Key::FocusLost | Key::Mouse(_)) => {
            Vec::new()
        }
        other => {
            told(model, other);
            Vec::new()
        }
    };
    effects.extend(model.fetch_what_is_due());
    effects
}

/// What comes from outside the terminal.
fn told(model: &mut Model, input: Input) {
    match input {
        Input::Linked { url } => {
            model.link = Link::Live;
            model.url = url;
            // What happened while nobody told is not known: everything is asked for again.
            model.picture.ticket.take_if(|it| model.place.ticket() != Some(&it.ticket.key));
            model.picture.packets.take_if(|it| model.place.ticket() != Some(&it.0));
            model.stale.extend([Want::Board, Want::Fleet]);
            model.stale.extend(model.wanted());
            (model.fetching, model.not_before) = (None, Some(model.now));
            if let Some(dialog) = model.dialog.as_mut().filter(|it| it.says(NO_SERVER)) {
                dialog.stage = Stage::Open;
            }
        }
        Input::Happened(happened) => model.mark(&happened),
        Input::Lost(why) => {
            if !matches!(model.link, Link::Gone { .. }) {
                model.link = Link::Gone { since: model.now, why };
            }
            model.fetching = None;
        }
        Input::Got(part) => {
            model.take(part);
            model.as_of = model.fetching.or(model.as_of);
        }
        Input::NotGot(want, failure) => not_got(model, &want, &failure),
        Input::Fetched => {
            let took = model
                .fetching
                .take()
                .map_or(Duration::ZERO, |since| model.now.duration_since(since).unsigned_abs());
            let rest =
                took.saturating_mul(REST.unsigned_abs()).clamp(GATHER, Duration::from_secs(5));
            model.not_before = model.not_before.max(Some(model.now + rest));
        }
        Input::Done(order, text) => done(model, &order, text),
        Input::Refused(failure) => refused(model, &failure),
        Input::Back(problem) => {
            model.said = problem.map(|text| Said { text, tone: Tone::Bad });
            model.stale.extend(model.wanted());
        }
        // The stream is whole, and nothing that this screen shows has changed: the picture is true now.
        Input::Beat if model.fetching.is_none() && model.stale.is_disjoint(&model.wanted()) => {
            model.as_of = Some(model.now);
        }
        Input::Beat | Input::Due | Input::Terminal(_) => {}
    }
}

fn not_got(model: &mut Model, want: &Want, failure: &Failure) {
    // A server that is gone is told by the stream, which asks again; what was not had then is still wanted.
    if failure.exit == Exit::Unreachable {
        model.stale.insert(want.clone());
        model.not_before = Some(model.now + AGAIN);
        return;
    }
    let place = &mut model.place;
    if let (Want::Ticket(key) | Want::Packet(key), Some(here)) = (want, place.ticket())
        && key == here
    {
        *place = model.back.pop().unwrap_or(super::model::Place::NeedsYou);
    }
    model.said = Some(Said { text: failure.text.clone(), tone: Tone::Bad });
}

fn done(model: &mut Model, order: &Order, text: String) {
    if model.dialog.as_ref().is_some_and(|it| it.order == *order) {
        model.dialog = None;
    }
    match order {
        Order::Verdict { .. } => model.given = model.sent.take(),
        Order::Withdraw { .. } => model.given = None,
        Order::Approve { .. }
        | Order::Deny { .. }
        | Order::Answer { .. }
        | Order::Report { .. }
        | Order::Retry { .. }
        | Order::Say { .. } => {}
    }
    model.said = Some(Said { text, tone: Tone::Good });
    model.stale.extend(model.wanted());
    model.not_before = Some(model.now);
}

fn refused(model: &mut Model, failure: &Failure) {
    let hint = failure.hint.as_ref().map_or_else(String::new, |it| format!(" → {it}"));
    let text = format!("{}{hint}", failure.text);
    (model.sent, model.own) = (None, None);
    match &mut model.dialog {
        Some(dialog) if failure.exit == Exit::Conflict => dialog.stage = Stage::Changed(text),
        Some(dialog) => dialog.stage = Stage::Refused(text),
        None => model.said = Some(Said { text, tone: Tone::Bad }),
    }
    model.stale.extend(model.wanted());
    model.not_before = Some(model.now);
}
