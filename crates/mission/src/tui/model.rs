//! What the full-screen view knows: the picture of the home, where the person is in it, and what is being asked. Nothing is done here.

use std::collections::{BTreeMap, BTreeSet};

use mission_domain::doc::{AttemptDoc, LaneDoc, NeedsYouDoc, TicketDoc};
use mission_domain::ids::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tui_input::Input;

use super::ask::{Dialog, Given};
use super::rest::Rest;
use crate::output::Tone;
use crate::output::ticket::Whole;

/// How many hours the board keeps a ticket after its end.
const DONE_HOURS: i64 = 24;

/// A screen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// What waits for a person.
    NeedsYou,
    /// All tickets by state.
    Board,
    /// Lanes with what they run.
    Fleet,
    /// One ticket.
    Ticket(String),
    /// A ticket's packets.
    Packet(String),
}

impl Place {
    /// Returns the ticket that the screen is about.
    pub(crate) fn ticket(&self) -> Option<&str> {
        match self {
            Self::Ticket(key) | Self::Packet(key) => Some(key),
            Self::NeedsYou | Self::Board | Self::Fleet => None,
        }
    }
}

/// What the link to the server is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// It has not answered yet.
    Connecting,
    /// It tells what happens.
    Live,
    /// Nobody answers.
    Gone {
        /// When that was seen.
        since: Timestamp,
        /// What was said.
        why: String,
    },
}

/// The stacks of the board, as the page has them.
pub(crate) const STACKS: [(&str, &[&str]); 5] = [
    ("Todo, waiting", &["todo", "waiting", "parked"]),
    ("Active", &["active"]),
    ("In review", &["in_review"]),
    ("Needs input, blocked", &["needs_input", "blocked"]),
    ("Done, last 24 h", &["done", "cancelled", "superseded"]),
];

/// One ticket on the board: the row of `GET /tickets?fields=row`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Card {
    /// Its key.
    pub(crate) key: String,
    /// Its title.
    pub(crate) title: String,
    /// Its state.
    pub(crate) state: String,
    /// Its priority.
    #[serde(default)]
    pub(crate) priority: String,
    /// The gate it stands at.
    #[serde(default)]
    pub(crate) gate: Option<String>,
    /// Who owes the next action, like `role:qa`.
    #[serde(default)]
    pub(crate) who: Option<String>,
    /// When it was filed.
    pub(crate) created_at: Timestamp,
    /// When it last changed.
    pub(crate) updated_at: Timestamp,
}

impl Card {
    /// Returns whether a person owes the next action. What is parked nobody owes.
    pub(crate) fn is_owed(&self) -> bool {
        !self.is_aside() && self.who.as_ref().is_some_and(|it| it.starts_with("person:"))
    }

    /// Returns whether it stands at the end of its stack and outside its number, as what the page folds.
    pub(crate) fn is_aside(&self) -> bool {
        matches!(self.state.as_str(), "parked" | "cancelled" | "superseded")
    }

    /// State by state; in each what the person owes comes first, then the most urgent, then the oldest, and of what has
    /// ended the newest.
    fn rank(&self) -> (usize, bool, u8, i64) {
        let mut states = STACKS.iter().flat_map(|it| it.1);
        let state = states.position(|it| *it == self.state).unwrap_or(0);
        if matches!(self.state.as_str(), "done" | "cancelled" | "superseded") {
            return (state, true, 0, -self.updated_at.as_millisecond());
        }
        let priority = match self.priority.as_str() {
            "urgent" => 0,
            "high" => 1,
            "low" => 3,
            _ => 2,
        };
        (state, !self.is_owed(), priority, self.created_at.as_millisecond())
    }
}

/// The lanes with the attempts that run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fleet {
    /// The lanes.
    pub(crate) lanes: Vec<LaneDoc>,
    /// The attempts that run.
    pub(crate) attempts: Vec<AttemptDoc>,
}

/// A line of the fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FleetLine<'f> {
    /// A lane.
    Lane(&'f LaneDoc),
    /// An attempt of the lane above; its document may not be known.
    Attempt(&'f str, Option<&'f AttemptDoc>),
}

impl FleetLine<'_> {
    /// Returns what stays the same while lines come and go: the lane's names, or the attempt's.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Lane(lane) => format!("{} of {}", lane.role, lane.project),
            Self::Attempt(id, _) => (*id).to_owned(),
        }
    }
}

impl Fleet {
    /// Returns the lines in order: each lane, and under it what it runs.
    pub(crate) fn lines(&self) -> Vec<FleetLine<'_>> {
        let known = |id: &str| self.attempts.iter().find(|it| it.id == id);
        let under = |lane: &'_ LaneDoc| lane.attempts.len();
        let mut lines = Vec::with_capacity(self.lanes.iter().map(|it| 1 + under(it)).sum());
        for lane in &self.lanes {
            lines.push(FleetLine::Lane(lane));
            lines.extend(lane.attempts.iter().map(|it| FleetLine::Attempt(it, known(it))));
        }
        lines
    }
}

/// A part of the picture that is asked for by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Want {
    /// What waits for a person.
    NeedsYou,
    /// The tickets.
    Board,
    /// The lanes.
    Fleet,
    /// One ticket, whole.
    Ticket(String),
    /// The packets of a ticket.
    Packet(String),
}

/// An answer to a [`Want`].
#[derive(Debug)]
pub(crate) enum Part {
    /// What waits for a person.
    NeedsYou(Vec<NeedsYouDoc>),
    /// The tickets.
    Board(Vec<Card>),
    /// The lanes.
    Fleet(Fleet),
    /// One ticket.
    Ticket(Box<Whole>),
    /// The packets of a ticket.
    Packet(String, Vec<Value>),
}

/// What the server said last. What was never asked for is not there.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// What waits for a person, in its rank.
    pub(crate) needs_you: Option<Vec<NeedsYouDoc>>,
    /// The tickets, by stack and in order.
    pub(crate) board: Option<[Vec<Card>; 5]>,
    /// The lanes.
    pub(crate) fleet: Option<Fleet>,
    /// The ticket that was last opened.
    pub(crate) ticket: Option<Box<Whole>>,
    /// The packets of the ticket that was last opened.
    pub(crate) packets: Option<(String, Vec<Value>)>,
}

/// A line of typing at the foot: what is looked for.
#[derive(Debug, Default)]
pub(crate) struct Prompt(pub(crate) Input);

/// What was done or refused, told at the foot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// The sentence.
    pub(crate) text: String,
    /// What it is.
    pub(crate) tone: Tone,
}

/// How far a text can be scrolled, as the last drawing found it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The first line of the last page.
    pub(crate) most: u16,
    /// The lines of a page.
    pub(crate) page: u16,
    /// The first line of the last page of all keys, while they are shown.
    pub(crate) help: u16,
    /// The first line of the last part of what a decision is about, and the lines of a part, while one is open.
    pub(crate) facts: (u16, u16),
}

/// Everything that the view shows.
#[derive(Debug)]
pub(crate) struct Model {
    /// Where the person is.
    pub(crate) place: Place,
    /// Where they came from, nearest last.
    pub(crate) back: Vec<Place>,
    /// What the server said.
    pub(crate) picture: Picture,
    /// What the link is like.
    pub(crate) link: Link,
    /// When the picture was last known to be true.
    pub(crate) as_of: Option<Timestamp>,
    /// When something last happened.
    pub(crate) changed_at: Option<Timestamp>,
    /// The parts that are no longer known to be true.
    pub(crate) stale: BTreeSet<Want>,
    /// Since when parts are being fetched; none where nothing is.
    pub(crate) fetching: Option<Timestamp>,
    /// Before this moment nothing is fetched: a busy home is looked at less often than it changes.
    pub(crate) not_before: Option<Timestamp>,
    /// The key of the chosen decision, and where it stands.
    pub(crate) decision: (String, usize),
    /// The stack that is looked at, the key of the chosen card, and where it stands.
    pub(crate) stack: usize,
    /// The chosen card.
    pub(crate) card: (String, usize),
    /// The chosen line of the fleet.
    pub(crate) lane: usize,
    /// How far the text of this screen is scrolled.
    pub(crate) scroll: u16,
    /// How far it can be.
    pub(crate) extent: Extent,
    /// What is looked for on the board.
    pub(crate) filter: String,
    /// What is being typed to look for.
    pub(crate) prompt: Option<Prompt>,
    /// What is being decided.
    pub(crate) dialog: Option<Dialog>,
    /// How far all keys are scrolled, while they are shown.
    pub(crate) help: Option<u16>,
    /// The pause after what keys acted on went.
    pub(crate) rest: Option<Rest>,
    /// Who did what last to a ticket that waits for a person, as a sentence, and when that was heard.
    pub(crate) told: BTreeMap<String, (String, Timestamp)>,
    /// The ticket that was last decided here, until that is seen.
    pub(crate) own: Option<String>,
    /// The verdict that was sent and is not answered.
    pub(crate) sent: Option<Given>,
    /// The last verdict that was given here.
    pub(crate) given: Option<Given>,
    /// The branch that each project's work lands on.
    pub(crate) branches: BTreeMap<String, String>,
    /// Whether `g` was pressed.
    pub(crate) going: bool,
    /// What was last done.
    pub(crate) said: Option<Said>,
    /// The only project that is shown.
    pub(crate) project: Option<String>,
    /// Whether this runs inside a lane, where nothing can be decided.
    pub(crate) in_lane: bool,
    /// The server's address, for what only pages show.
    pub(crate) url: String,
    /// Whether colour is shown.
    pub(crate) colour: bool,
    /// The time.
    pub(crate) now: Timestamp,
}

impl Model {
    /// The view before anything is known.
    pub(crate) fn new(place: Place, now: Timestamp) -> Self {
        Self {
            place,
            back: Vec::new(),
            picture: Picture::default(),
            link: Link::Connecting,
            as_of: None,
            changed_at: None,
            stale: BTreeSet::new(),
            fetching: None,
            not_before: None,
            decision: (String::new(), 0),
            stack: 0,
            card: (String::new(), 0),
            lane: 0,
            scroll: 0,
            extent: Extent::default(),
            filter: String::new(),
            prompt: None,
            dialog: None,
            help: None,
            rest: None,
            told: BTreeMap::new(),
            own: None,
            sent: None,
            given: None,
            branches: BTreeMap::new(),
            going: false,
            said: None,
            project: None,
            in_lane: false,
            url: String::new(),
            colour: true,
            now,
        }
    }

    /// Returns the parts that this screen shows; the decisions are counted on every one.
    pub(crate) fn wanted(&self) -> BTreeSet<Want> {
        let here = match &self.place {
            Place::NeedsYou => Want::NeedsYou,
            Place::Board => Want::Board,
            Place::Fleet => Want::Fleet,
            Place::Ticket(key) => Want::Ticket(key.clone()),
            Place::Packet(key) => Want::Packet(key.clone()),
        };
        BTreeSet::from([Want::NeedsYou, here])
    }

    /// Returns what waits for a person; nothing while it is not known.
    pub(crate) fn decisions(&self) -> &[NeedsYouDoc] {
        self.picture.needs_you.as_deref().unwrap_or_default()
    }

    /// Returns the decision that keys act on.
    pub(crate) fn current(&self) -> Option<&NeedsYouDoc> {
        match &self.place {
            Place::NeedsYou => self.decisions().get(self.decision.1),
            Place::Ticket(key) | Place::Packet(key) => {
                self.decisions().iter().find(|it| it.ticket.key == *key)
            }
            Place::Board => {
                let key = &self.chosen_card()?.key;
                self.decisions().iter().find(|it| it.ticket.key == *key)
            }
            Place::Fleet => None,
        }
    }

    /// Returns the ticket that keys act on, as far as it is known whole.
    pub(crate) fn ticket_here(&self) -> Option<&TicketDoc> {
        let open = |key: &str| {
            let open = self.picture.ticket.as_ref().filter(|it| it.ticket.key == key);
            open.map(|it| &it.ticket)
        };
        let here = self.place.ticket().and_then(open);
        here.or_else(|| self.current().map(|it| &it.ticket))
    }

    /// Returns the cards of a stack that fit what is looked for.
    pub(crate) fn cards(&self, stack: usize) -> Vec<&Card> {
        let words = self.filter.to_lowercase();
        let fits = |it: &&Card| {
            let all = format!("{} {} {}", it.key, it.title, it.who.as_deref().unwrap_or_default());
            let all = all.to_lowercase();
            words.split_whitespace().all(|word| all.contains(word))
        };
        let stack = self.picture.board.as_ref().and_then(|it| it.get(stack));
        stack.map(|it| it.iter().filter(fits).collect()).unwrap_or_default()
    }

    /// Returns the chosen card.
    pub(crate) fn chosen_card(&self) -> Option<&Card> {
        self.cards(self.stack).get(self.card.1).copied()
    }

    /// Returns the chosen line of the fleet.
    pub(crate) fn chosen_line(&self) -> Option<FleetLine<'_>> {
        self.picture.fleet.as_ref()?.lines().get(self.lane).copied()
    }
}

/// Puts cards into their stacks, in order. What ended long ago is left out.
pub(crate) fn stacked(cards: Vec<Card>, now: Timestamp) -> [Vec<Card>; 5] {
    let since = now - jiff::SignedDuration::from_hours(DONE_HOURS);
    let mut stacks: [Vec<Card>; 5] = Default::default();
    for card in cards {
        let at = STACKS.iter().position(|it| it.1.contains(&card.state.as_str())).unwrap_or(0);
        if at < stacks.len() - 1 || card.updated_at >= since {
            stacks[at].push(card);
        }
    }
    for stack in &mut stacks {
        stack.sort_by_key(Card::rank);
    }
    stacks
}
