//! What a page shows that can change, read once and rendered element by element.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maud::Markup;
use mission_domain::doc::{AttemptDoc, TicketDoc};
use mission_domain::ids::{AttemptId, TicketKey, Timestamp};

use crate::pages::view::{BandHead, BoardFilter, ConsoleView, Grouping, TicketView, Viewer};
use crate::pages::{self, fragment};
use crate::problem::Answer;
use crate::web::{self, Limited, Rows, Tally, Visitor};

/// The ten states, as the board counts them.
const STATES: [&str; 10] = [
    "parked",
    "waiting",
    "todo",
    "active",
    "in_review",
    "needs_input",
    "blocked",
    "done",
    "cancelled",
    "superseded",
];

/// The pages that have a live stream.
#[derive(Debug, Clone)]
pub(super) enum Page {
    NeedsYou,
    Board(BoardFilter),
    /// The page of a ticket, and the attempt whose terminal it was asked to show.
    Ticket(TicketKey, Option<String>),
    Fleet,
    /// A page of which only the counters around it change by themselves.
    Quiet,
}

/// What was read for one page.
pub(super) struct Seen {
    rows: Arc<Rows>,
    /// How many notices wait for a person.
    waiting: usize,
    notices: Vec<String>,
    what: What,
}

enum What {
    NeedsYou(Limited),
    Board {
        cards: Vec<Arc<TicketDoc>>,
        /// The bands of the cards, where the board is grouped into bands.
        bands: BTreeMap<String, BandHead>,
        filter: BoardFilter,
        tally: Arc<Tally>,
        hidden: Vec<String>,
    },
    Ticket(Box<TicketView>),
    Fleet {
        lists: Limited,
        attempts: Vec<AttemptDoc>,
        consoles: Vec<ConsoleView>,
        ended: Vec<AttemptDoc>,
    },
    /// Nothing that this page shows was touched.
    Counters,
}

/// An element's id and its HTML.
pub(super) type Part = (String, String);

impl Seen {
    /// Reads what `page` shows beside `rows`, as far as it can have changed with the `changed` tickets.
    /// A terminal that the page has already, that of `known`, is not read again.
    pub(super) async fn read(
        visitor: &Visitor,
        page: &Page,
        rows: Arc<Rows>,
        changed: &BTreeSet<String>,
        known: Option<&str>,
    ) -> Answer<Self> {
        let what = match page {
            Page::NeedsYou => What::NeedsYou(web::limited(visitor).await?),
            Page::Fleet => {
                let attempts = web::attempts_now(visitor).await?;
                let consoles = web::consoles(visitor, &attempts).await;
                let ended = web::ended(visitor).await?;
                What::Fleet { lists: web::limited(visitor).await?, attempts, consoles, ended }
            }
            Page::Board(filter) => cards(visitor, &rows, filter, changed).await?,
            Page::Ticket(key, attempt) if changed.is_empty() || touches(&rows, key, changed) => {
                let mut view = web::ticket_view(visitor, key, attempt.as_deref()).await?;
                if let Some(console) = &mut view.console
                    && known == Some(console.attempt.id.as_str())
                {
                    console.output.clear();
                    console.output_end = 0;
                }
                What::Ticket(Box::new(view))
            }
            Page::Ticket(..) | Page::Quiet => What::Counters,
        };
        let waiting = visitor.waiting_notices(&rows).await?;
        Ok(Self { rows, waiting, notices: visitor.notices().await, what })
    }

    /// Renders every element as of `now`.
    pub(super) fn parts(&self, visitor: &Visitor, now: Timestamp) -> Vec<Part> {
        let name = visitor.who.name();
        let viewer = Viewer { person: &name, may: visitor.who.may(), csrf: &visitor.who.csrf, now };
        let counts = self.rows.counts(visitor.project.as_ref(), self.waiting, now);
        let mut parts = vec![
            part("counters", fragment::counters(counts)),
            part("notices", fragment::notices(&self.notices)),
        ];
        match &self.what {
            What::NeedsYou(lists) => {
                parts.extend(asks(lists, viewer));
                parts.extend(
                    lists.lanes.iter().map(|it| part(fragment::lane_id(it), fragment::lane(it))),
                );
                parts.push(part("budgets", fragment::budgets(&lists.budgets)));
                parts.push(part("handled", fragment::handled(&lists.acts, viewer)));
            }
            What::Fleet { lists, attempts, consoles, ended } => {
                let lanes = &lists.lanes;
                parts.push(part("lede", fragment::fleet_lede(lanes, attempts, viewer)));
                parts.push(part("heads", fragment::fleet_heads(lanes, attempts)));
                let lane = |it| fragment::fleet_lane(it, lanes, attempts, viewer);
                parts.extend(lanes.iter().map(|it| part(fragment::lane_id(it), lane(it))));
                parts.push(part("consoles", fragment::consoles(consoles, viewer)));
                parts.push(part("deaths", fragment::deaths(attempts, viewer)));
                parts.push(part("troubles", fragment::troubles(lanes, ended, viewer)));
                parts.push(part("budgets", fragment::budgets(&lists.budgets)));
                parts.push(part("handled", fragment::handled(&lists.acts, viewer)));
            }
            What::Board { cards, bands, filter, tally, .. } => {
                parts.push(part(
                    "lede",
                    fragment::board_lede(counts, tally.count("blocked"), viewer),
                ));
                if filter.by == Grouping::State {
                    parts.extend(STATES.iter().map(|it| {
                        part(format!("n-{it}"), fragment::column_count(it, tally.count(it)))
                    }));
                }
                parts.extend(cards.iter().map(|it| {
                    let card = match bands.get(&it.key) {
                        Some(head) => fragment::band_card(it, head, viewer),
                        None => fragment::card(it, viewer),
                    };
                    part(format!("ticket-{}", it.key), card)
                }));
                let heads: BTreeMap<&String, &BandHead> =
                    bands.values().map(|it| (&it.key, it)).collect();
                parts.extend(heads.into_values().map(|it| {
                    let id = format!("band-{}", crate::pages::bands::name(it));
                    part(id, fragment::band_head(it, filter.by, viewer))
                }));
            }
            What::Ticket(view) => parts.extend(ticket(view, viewer)),
            What::Counters => {}
        }
        parts
    }

    /// Returns the keys of the tickets that wait for the person, where the page shows them.
    pub(super) fn asks(&self) -> BTreeSet<String> {
        match &self.what {
            What::NeedsYou(lists) => lists.asks.iter().map(|it| it.ticket.key.clone()).collect(),
            What::Board { .. } | What::Ticket(_) | What::Fleet { .. } | What::Counters => {
                BTreeSet::new()
            }
        }
    }

    /// Returns what is announced of a ticket that waits.
    pub(super) fn told(&self, key: &str) -> Option<String> {
        match &self.what {
            What::NeedsYou(lists) => {
                let ask = lists.asks.iter().find(|it| it.ticket.key == key)?;
                Some(format!("{key} waits for you: {}", ask.what))
            }
            What::Board { .. } | What::Ticket(_) | What::Fleet { .. } | What::Counters => None,
        }
    }

    /// Returns the cards of changed tickets that the board's filter leaves out now.
    pub(super) fn filtered_out(&self, changed: &BTreeSet<String>) -> Vec<String> {
        match &self.what {
            What::Board { hidden, .. } => hidden
                .iter()
                .filter(|it| changed.contains(*it))
                .map(|it| format!("ticket-{it}"))
                .collect(),
            What::NeedsYou(_) | What::Ticket(_) | What::Fleet { .. } | What::Counters => Vec::new(),
        }
    }

    /// Returns the attempt that prints now, on the page of a ticket.
    pub(super) fn live_attempt(&self) -> Option<AttemptId> {
        match &self.what {
            What::Ticket(view) => {
                let attempt = &view.console.as_ref()?.attempt;
                (attempt.state != "ended").then(|| attempt.id.parse().ok()).flatten()
            }
            What::NeedsYou(_) | What::Board { .. } | What::Fleet { .. } | What::Counters => None,
        }
    }

    /// Returns the attempt whose terminal the page of a ticket shows.
    pub(super) fn console(&self) -> Option<&str> {
        match &self.what {
            What::Ticket(view) => view.console.as_ref().map(|it| it.attempt.id.as_str()),
            What::NeedsYou(_) | What::Board { .. } | What::Fleet { .. } | What::Counters => None,
        }
    }

    /// Returns up to where the page's terminal of `attempt` shows what was printed.
    pub(super) fn printed_until(&self, attempt: AttemptId) -> Option<u64> {
        match &self.what {
            What::Ticket(view) => {
                let console = view.console.as_ref()?;
                (console.attempt.id == attempt.to_string()).then_some(console.output_end)
            }
            What::NeedsYou(_) | What::Board { .. } | What::Fleet { .. } | What::Counters => None,
        }
    }

    /// Leaves out what the terminal printed: it comes by itself, and would make each line a change of the panel.
    pub(super) fn without_output(mut self) -> Self {
        if let What::Ticket(view) = &mut self.what
            && let Some(console) = &mut view.console
        {
            console.output.clear();
        }
        self
    }

    /// Returns whether more than the counters was read.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self.what, What::Counters)
    }
}

fn part(id: impl Into<String>, html: Markup) -> Part {
    (id.into(), pages::seen(html).into_string())
}

fn asks(lists: &Limited, viewer: Viewer<'_>) -> Vec<Part> {
    let held = fragment::held_up(&lists.asks);
    let lede = part("lede", fragment::needs_you_lede(lists.asks.len(), held, viewer));
    let ask = |(at, it): (usize, _)| -> Part {
        let it: &mission_domain::doc::NeedsYouDoc = it;
        part(
            format!("ask-{}", it.ticket.key),
            fragment::ask(it, lists.died.get(&it.ticket.key), viewer, at == 0),
        )
    };
    let kinds = part("kinds", fragment::kinds(&lists.asks));
    [lede, kinds].into_iter().chain(lists.asks.iter().enumerate().map(ask)).collect()
}

fn ticket(view: &TicketView, viewer: Viewer<'_>) -> Vec<Part> {
    let doc = &view.ticket;
    let packet = view.packet.as_ref();
    let mut parts = vec![
        part("situation", fragment::situation(doc, view.holds_up, viewer)),
        part("rail", fragment::rail(doc, viewer)),
        part("gate", fragment::gate(doc, packet, viewer)),
        part("inbox", fragment::inbox(view)),
        part("activity", fragment::activity(&view.events, &view.acts, viewer)),
        part("side", fragment::side(&timed(view, viewer.now))),
    ];
    if doc.kind == "campaign" {
        let columns = fragment::columns(&view.children);
        parts.push(part("lede", fragment::campaign_lede(doc, &view.children, viewer)));
        parts.push(part("moves", fragment::moves(&view.children, viewer)));
        parts.push(part("heads", fragment::heads(&view.children, viewer)));
        let row = |it| fragment::row(it, &columns, viewer);
        parts.extend(view.children.iter().map(|it| part(format!("row-{}", it.key), row(it))));
        return parts;
    }
    parts.push(part("tools", fragment::tools(doc, viewer)));
    parts.push(part("request", fragment::request_in_full(doc)));
    parts.push(part("packet", fragment::packet(doc, packet)));
    parts.push(part("console", fragment::console(view.console.as_ref(), viewer)));
    parts
}

/// Returns the view as of another moment.
fn timed(view: &TicketView, now: Timestamp) -> TicketView {
    let mut view = view.clone();
    view.shell.now = now;
    view
}

/// Returns the cards of the changed tickets that belong on this board.
async fn cards(
    visitor: &Visitor,
    rows: &Rows,
    filter: &BoardFilter,
    changed: &BTreeSet<String>,
) -> Answer<What> {
    let keys: Vec<TicketKey> = changed.iter().filter_map(|it| it.parse().ok()).collect();
    let project = visitor.project.as_ref();
    let person = web::person(visitor);
    let of_project = |it: &TicketKey| project.is_none_or(|project| it.project() == project);
    let is_shown = |it: &TicketKey| {
        of_project(it) && rows.rows.get(it).is_some_and(|row| web::is_wanted(row, filter, &person))
    };
    let (shown, hidden): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_shown);
    let docs = rows.docs(&visitor.site, shown).await?;
    let mut cards: Vec<Arc<TicketDoc>> = docs.into_values().collect();
    let head =
        |it: &Arc<TicketDoc>| Some((it.key.clone(), web::band_of(rows, visitor, filter, &it.key)?));
    let bands: BTreeMap<String, BandHead> = cards.iter().filter_map(head).collect();
    // A board in bands has no card for what belongs to no band: the campaigns themselves.
    cards.retain(|it| filter.by == Grouping::State || bands.contains_key(&it.key));
    let hidden = hidden.iter().map(ToString::to_string).collect();
    let tally = web::tally(rows, visitor, filter);
    Ok(What::Board { cards, bands, filter: filter.clone(), tally, hidden })
}

/// Returns whether one of the changed tickets is this one or stands beside it.
fn touches(rows: &Rows, key: &TicketKey, changed: &BTreeSet<String>) -> bool {
    let mut changed = changed.iter().filter_map(|it| it.parse::<TicketKey>().ok());
    let waits = rows.waits_for(key);
    changed.any(|it| {
        let child = rows.rows.get(&it).is_some_and(|row| row.parent.as_ref() == Some(key));
        let parent = rows.rows.get(key).is_some_and(|row| row.parent.as_ref() == Some(&it));
        it == *key || child || parent || waits.contains(&it) || rows.waits_for(&it).contains(key)
    })
}
