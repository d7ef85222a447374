//! What each page shows: structs that whoever answers a request fills, and nothing that fetches or decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use mission_control::{DigestDoc, Journal};
use mission_domain::doc::{
    AttemptDoc, BudgetDoc, EventDoc, LaneDoc, MessageDoc, NeedsYouDoc, OperatorActDoc, ProjectDoc,
    TicketDoc,
};
use mission_domain::ids::{GateId, MessageId, Timestamp};

use super::packet_view::PacketView;
use super::words;

mod home;
mod packets;

pub use home::{
    CalibrationView, DigestView, PolicyView, ProjectLine, ProjectsView, SettingsPart, SettingsView,
};
pub use packets::{PacketLine, PacketPage, PacketsView, Since};

/// Who looks, and when: what a fragment needs to say "You", to make a form, and to tell ages.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// The person's name, without `person:`.
    pub person: &'a str,
    /// What they may do.
    pub may: May,
    /// The session's token against forged forms.
    pub csrf: &'a str,
    /// The moment of rendering.
    pub now: Timestamp,
}

impl Viewer<'_> {
    /// Returns whether they may do more than look. Who may not is shown no form that is refused.
    pub fn acts(self) -> bool {
        self.may != May::Look
    }

    /// Returns whether they owe what happens next to the ticket: who may only look owes nothing.
    pub fn owes(self, ticket: &TicketDoc) -> bool {
        self.acts() && words::owes(ticket, self.person)
    }

    /// Returns for whom a decision waits.
    pub fn whom(self) -> &'static str {
        if self.acts() { "you" } else { "a person" }
    }
}

/// What somebody at a page may do, as the doors decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Look, and nothing else.
    Look,
    /// File, decide and steer.
    Act,
    /// Also invite people and make tokens.
    Own,
}

impl May {
    /// Returns its word in a page and its stream.
    pub fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Act => "act",
            Self::Own => "own",
        }
    }
}

/// What stands around every page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The person's name, without `person:`.
    pub person: String,
    /// What they may do.
    pub may: May,
    /// Every project of the home.
    pub projects: Vec<ProjectDoc>,
    /// The key of the project that lists are limited to; nothing means all.
    pub current_project: Option<String>,
    /// The numbers in the navigation.
    pub counts: Counts,
    /// The open campaigns, at most five.
    pub campaigns: Vec<CampaignLink>,
    /// The session's token against forged forms; every form posts it as `csrf`.
    pub csrf: String,
    /// The moment of rendering.
    pub now: Timestamp,
    /// The newest event that this page has in it; the live stream goes on after it.
    pub seq: u64,
    /// What the person did a moment ago, told once with its undo.
    pub toast: Option<EventDoc>,
    /// Whether a verdict that the toast tells of can still be taken back.
    pub can_withdraw: bool,
    /// What is wrong in the home, one sentence each: a bad reload, rules not in force, dispatch paused.
    pub problem_notices: Vec<String>,
}

impl Shell {
    /// Returns who looks, for fragments.
    pub fn viewer(&self) -> Viewer<'_> {
        Viewer { person: &self.person, may: self.may, csrf: &self.csrf, now: self.now }
    }
}

/// The numbers in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Decisions that wait for this person.
    pub needs_you: u32,
    /// Those that wait in other projects than the one in view.
    pub elsewhere: u32,
    /// Tickets that have not ended.
    pub open: u32,
    /// Attempts that died within the last 24 hours.
    pub died: u32,
}

/// A campaign in the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignLink {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// How much of it is settled, 0 to 100.
    pub percent: u8,
}

/// The page *Needs you*.
#[derive(Debug, Clone)]
pub struct NeedsYouView {
    /// What stands around it.
    pub shell: Shell,
    /// The decisions, ranked: the first is shown open.
    pub asks: Vec<NeedsYouDoc>,
    /// Of blocked tickets the attempt that died last, by the ticket's key.
    pub died: BTreeMap<String, AttemptDoc>,
    /// The fleet now.
    pub lanes: Vec<LaneDoc>,
    /// What the operator did, newest first; ten at most are shown.
    pub acts: Vec<OperatorActDoc>,
    /// How budgets stand.
    pub budgets: Vec<BudgetDoc>,
    /// What changed since the person last looked.
    pub digest: DigestDoc,
    /// Whether that is since they marked something as seen; else since yesterday.
    pub is_since_seen: bool,
}

/// The page *Board*.
#[derive(Debug, Clone)]
pub struct BoardView {
    /// What stands around it.
    pub shell: Shell,
    /// One column per state, all ten, in any order. A missing one counts as empty.
    pub columns: Vec<BoardColumn>,
    /// The bands, where the board is grouped by campaign or role; the columns then only count.
    pub bands: Vec<Band>,
    /// How many bands there are; more than `bands` where the page is one of several.
    pub bands_total: u32,
    /// What the list was limited to.
    pub filter: BoardFilter,
}

/// One campaign or role as a band over the five stacks.
#[derive(Debug, Clone)]
pub struct Band {
    /// What stands at its head.
    pub head: BandHead,
    /// Its tickets, one cell a stack.
    pub cells: [BandCell; 5],
}

/// What stands at the head of a band.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BandHead {
    /// The campaign's key or the role's name; empty for what belongs to none.
    pub key: String,
    /// The campaign's title or the role's name.
    pub title: String,
    /// How many of its tickets wait for the person.
    pub waits: u32,
    /// How many tickets it has in each of the ten states.
    pub states: Vec<(String, u32)>,
}

/// The tickets of one band in one stack.
#[derive(Debug, Clone, Default)]
pub struct BandCell {
    /// How many there are; more than `tickets` where the cell is cut.
    pub total: u32,
    /// The ones to show, in order.
    pub tickets: Vec<Arc<TicketDoc>>,
}

/// What the board's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// The ten states in five stacks.
    #[default]
    State,
    /// One band a campaign.
    Campaign,
    /// One band a role.
    Role,
}

impl Grouping {
    /// Returns the value of `by` in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Campaign => "campaign",
            Self::Role => "role",
        }
    }
}

/// The tickets of one state.
#[derive(Debug, Clone)]
pub struct BoardColumn {
    /// The state word.
    pub state: String,
    /// How many there are; more than `tickets` where the column is cut.
    pub total: u32,
    /// The ones to show, in order.
    pub tickets: Vec<Arc<TicketDoc>>,
}

/// What the board is limited to, as the query of its address says it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BoardFilter {
    /// `q`: words in key or title.
    pub words: Option<String>,
    /// `campaign`: the key of a campaign.
    pub campaign: Option<String>,
    /// `role`: the role that works the active gate.
    pub role: Option<String>,
    /// `label`: one label.
    pub label: Option<String>,
    /// `mine`: only what waits for the person who looks.
    pub mine: bool,
    /// `by`: what the rows are.
    pub by: Grouping,
    /// `all`: the state word whose column is leafed through.
    pub all: Option<String>,
    /// `from`: how many tickets of that column, or bands, come before the first one shown.
    pub from: u32,
}

impl BoardFilter {
    /// Returns whether it leaves no ticket out. How the board is arranged does not count.
    pub fn is_of_all(&self) -> bool {
        let Self { words, campaign, role, label, mine, by: _, all: _, from: _ } = self;
        [words, campaign, role, label].iter().all(|it| it.is_none()) && !mine
    }
}

/// The page *Ticket*.
#[derive(Debug, Clone)]
pub struct TicketView {
    /// What stands around it.
    pub shell: Shell,
    /// The ticket.
    pub ticket: TicketDoc,
    /// How many tickets wait for it.
    pub holds_up: u32,
    /// The newest packet of the active gate, else the newest of all.
    pub packet: Option<PacketView>,
    /// Its attempts, newest first.
    pub attempts: Vec<AttemptDoc>,
    /// The newest attempt's terminal.
    pub console: Option<ConsoleView>,
    /// Its messages, newest first.
    pub messages: Vec<MessageDoc>,
    /// Its events, newest first.
    pub events: Vec<EventDoc>,
    /// What the operator did to it, newest first.
    pub acts: Vec<OperatorActDoc>,
    /// Its neighbours: campaign, blockers, what it holds up, what replaced it.
    pub related: Vec<RelatedTicket>,
    /// A campaign's children, whole. Its `attempts` are then theirs.
    pub children: Vec<TicketDoc>,
    /// Which part of a campaign's page is shown.
    pub part: CampaignPart,
    /// The rules it carries, one sentence each.
    pub policy: Vec<String>,
    /// The gates whose last verdict is that of whoever looks, and can still be taken back.
    pub withdrawable: Vec<GateId>,
    /// The messages that a person can take back.
    pub waiting: Vec<MessageId>,
    /// Its neighbours on the board, for the keys `[` and `]`.
    pub previous: Option<String>,
    /// The next one on the board.
    pub next: Option<String>,
}

/// The parts of a campaign's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CampaignPart {
    /// Tickets against gates.
    #[default]
    Matrix,
    /// What waits for what.
    Dependencies,
    /// Its own messages and events.
    Activity,
}

/// What the terminal of an attempt last showed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleView {
    /// The attempt.
    pub attempt: AttemptDoc,
    /// Its last output, at most 16 KiB, plain text.
    pub output: String,
    /// Where in the journal that output ends, in bytes: what the stream prints goes on from there.
    pub output_end: u64,
    /// The command that attaches to it, where one works.
    pub attach: Option<String>,
    /// Where what it printed can be read: where that is here, it has a terminal.
    pub journal: Journal,
    /// Whether its ticket goes on by itself: not where a person is asked what to do, or it has ended.
    pub goes_on: bool,
    /// Whether it is the newest of its ticket; another one is only shown to whoever asked for it.
    pub is_newest: bool,
    /// The other attempts of its ticket, newest first.
    pub others: Vec<OtherAttempt>,
}

/// An attempt beside the one whose terminal is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherAttempt {
    /// The attempt.
    pub attempt: AttemptDoc,
    /// Where what it printed can be read.
    pub journal: Journal,
}

/// A ticket beside this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedTicket {
    /// `in`, `waits for`, `holds up`, `replaced by` or `replaces`.
    pub how: String,
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Its state word.
    pub state: String,
}

/// The page *Fleet*.
#[derive(Debug, Clone)]
pub struct FleetView {
    /// What stands around it.
    pub shell: Shell,
    /// The lanes with their runtimes.
    pub lanes: Vec<LaneDoc>,
    /// The live attempts, and those that died within the last 24 hours, newest first.
    pub attempts: Vec<AttemptDoc>,
    /// The attempts that ended last, newest first.
    pub ended: Vec<AttemptDoc>,
    /// The terminals of what runs now.
    pub consoles: Vec<ConsoleView>,
    /// What the operator did, newest first.
    pub acts: Vec<OperatorActDoc>,
    /// How budgets stand.
    pub budgets: Vec<BudgetDoc>,
}

/// The page *New ticket*: what was typed, and what was wrong with it.
#[derive(Debug, Clone)]
pub struct NewTicketView {
    /// What stands around it.
    pub shell: Shell,
    /// The projects that can be read now, each with the names of its workflows.
    pub workflows: Vec<(String, Vec<String>)>,
    /// What stood in the fields when it was refused.
    pub typed: TypedTicket,
    /// The fields that are wrong, in their order on the page.
    pub faults: Vec<Fault>,
    /// Why it was refused, where no one field is wrong, and what to do.
    pub problem: Option<String>,
}

/// What is wrong with one field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field's name in the form.
    pub field: &'static str,
    /// A sentence that names the field as the page does.
    pub text: String,
}

/// The fields of *New ticket*, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypedTicket {
    /// The project's key.
    pub project: String,
    /// One line.
    pub title: String,
    /// The request as Markdown.
    pub body: String,
    /// The workflow's name; empty is the project's default.
    pub workflow: String,
    /// `task` or `campaign`.
    pub kind: String,
    /// `urgent`, `high`, `medium` or `low`.
    pub priority: String,
    /// Labels, split by commas or spaces.
    pub labels: String,
    /// The campaign's key.
    pub parent: String,
    /// Keys, split by commas or spaces.
    pub blocked_by: String,
    /// Whether it is set aside at once.
    pub park: bool,
}

/// The page *Sign in*.
#[derive(Debug, Clone)]
pub struct SignInView {
    /// A token against forged forms for the visitor without a session.
    pub csrf: String,
    /// Why the last link or code was refused.
    pub problem: Option<String>,
}

/// A page that says no.
#[derive(Debug, Clone)]
pub struct ProblemView {
    /// What stands around it; nothing where nobody is signed in.
    pub shell: Option<Shell>,
    /// Which no it is.
    pub kind: Problem,
    /// What happened, one sentence.
    pub what: String,
    /// What to do next, one sentence.
    pub next: String,
    /// Where the way on leads, and the words on it.
    pub way_on: Option<(String, String)>,
}

/// The kinds of no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing has that name.
    NotFound,
    /// A rule says no.
    Refused,
    /// Somebody or something was first: `who` did `what` at `at`.
    Conflict {
        /// The principal.
        who: String,
        /// What they did, like `requested changes`.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// Mission Control itself failed.
    Failed,
}
