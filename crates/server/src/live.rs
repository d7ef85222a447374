//! The live stream of pages: after each change only the elements that came out differently are sent, as HTML.

mod known;
mod parts;
mod split;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use futures::{Stream, StreamExt as _, stream};
use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, TicketKey, Timestamp};
use mission_domain::told;
use mission_domain::unseen::on_one_line;
use mission_store::EventFilter;
use serde::Deserialize;
use serde_json::json;

use self::known::{Known, Patch};
use self::parts::{Page, Seen};
use crate::events::{self, Follow, Step};
use crate::pages::output::plain;
use crate::problem::{Answer, Problem};
use crate::web::{self, Visitor};

/// How long changes are gathered before they are sent together.
const GATHER: Duration = Duration::from_millis(40);

/// How often the clock is sent while nothing happens.
const CLOCK: Duration = Duration::from_secs(5);

/// So much of what somebody decided is told to who was second, in characters.
const TOLD: usize = 200;

/// How often a terminal's journal is looked at.
const SCREEN: Duration = Duration::from_millis(400);

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    page: String,
    key: Option<String>,
    after: Option<u64>,
    /// Whose page it is.
    person: Option<String>,
}

/// Streams what changes on one page.
pub(crate) async fn live(
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    if asked.person.is_some_and(|it| it != visitor.who.name()) {
        return Err(Problem::refused(
            "other_person",
            "this page is somebody else's: load it again",
        ));
    }
    let shown = headers.get(header::REFERER).and_then(|it| it.to_str().ok());
    let shown = shown.and_then(|it| it.parse::<Uri>().ok());
    let page = match (asked.page.as_str(), asked.key.as_deref().map(str::parse::<TicketKey>)) {
        ("needs-you", _) => Page::NeedsYou,
        ("board", _) => Page::Board(web::board_filter(shown.as_ref())),
        ("fleet", _) => Page::Fleet,
        ("ticket", Some(Ok(key))) => Page::Ticket(key, web::attempt_shown(shown.as_ref())),
        (
            "packets" | "digest" | "policy" | "calibration" | "settings" | "projects" | "new"
            | "problem",
            _,
        ) => Page::Quiet,
        _ => return Err(Problem::not_found("this page has no live stream")),
    };
    if let Page::Ticket(key, _) = &page {
        let own = visitor.who.may_see(&key.to_string());
        own.then_some(())
            .ok_or_else(|| Problem::not_found(format!("there is no ticket `{key}`")))?;
    }
    let after = events::last_event_id(&headers)?.or(asked.after).unwrap_or(0);
    Ok(events::sent(frames(Watch::new(visitor, page, after))))
}

fn frames(watch: Watch) -> impl Stream<Item = Bytes> + Send {
    let first = stream::iter([Bytes::from_static(b"retry: 500\n\n")]);
    let rest = stream::unfold(watch, async |mut watch| match watch.step().await {
        Ok(Some(frames)) => Some((Bytes::from(frames), watch)),
        Ok(None) => None,
        Err(problem) => {
            tracing::warn!(detail = problem.detail, "a live stream ends: the browser comes again");
            None
        }
    });
    first.chain(rest)
}

/// One page in one browser, and what it is known to show.
struct Watch {
    visitor: Visitor,
    page: Page,
    follow: Follow,
    began: Timestamp,
    is_begun: bool,
    /// What was sent. Ages are left out by rendering as of `began`.
    known: Known,
    /// Whether the page was made before the last events: it may show decisions that were settled since.
    is_old: bool,
    asks: BTreeSet<String>,
    /// The attempt whose terminal the page shows.
    shown: Option<String>,
    /// The attempt that prints, and how far its journal was read.
    screen: Option<(AttemptId, u64)>,
    clock_at: Timestamp,
    /// When the first of those changes happened that the next frames tell; none while nothing did.
    since: Option<Timestamp>,
    /// What people decided since the last frames, to be told to who is still about to.
    decided: Vec<Arc<EventDoc>>,
    /// The tickets that went on since the last frames: a verdict on them is not taken back any more.
    begun: BTreeSet<String>,
}

impl Watch {
    fn new(visitor: Visitor, page: Page, after: u64) -> Self {
        let began = visitor.site.control.now();
        let follow = Follow::new(&visitor.site, EventFilter { after, ..EventFilter::default() });
        Self {
            visitor,
            page,
            follow,
            began,
            is_begun: false,
            known: Known::default(),
            is_old: false,
            asks: BTreeSet::new(),
            shown: None,
            screen: None,
            clock_at: began,
            since: None,
            decided: Vec::new(),
            begun: BTreeSet::new(),
        }
    }

    /// Returns what is to be sent next; nothing when the stream is over.
    async fn step(&mut self) -> Answer<Option<String>> {
        if !self.is_begun {
            self.is_begun = true;
            return self.begin().await.map(Some);
        }
        loop {
            let patience = if self.screen.is_some() { SCREEN } else { CLOCK };
            let frames = match self.follow.next(patience).await {
                Step::Closed => return Ok(None),
                Step::Quiet => self.quiet().await?,
                Step::Events(events) => {
                    let changed = self.gather(events).await;
                    self.changes(&changed).await?
                }
            };
            if !frames.is_empty() {
                return Ok(Some(frames));
            }
        }
    }

    /// Returns the tickets that `events` and those of the next moment are about.
    async fn gather(&mut self, events: Vec<Arc<EventDoc>>) -> BTreeSet<String> {
        let (mut decided, mut begun) = (Vec::new(), BTreeSet::new());
        // What happened before the page was there is not late.
        self.since = events.iter().map(|it| it.at).filter(|at| *at >= self.began).min();
        let mut about = |events: Vec<Arc<EventDoc>>| {
            decided.extend(events.iter().filter(|it| web::is_a_persons_decision(it)).cloned());
            let goes_on = events.iter().filter(|it| matches!(&*it.kind, "claimed" | "landed"));
            begun.extend(goes_on.filter_map(|it| it.ticket.clone()));
            events.into_iter().filter_map(|it| it.ticket.clone())
        };
        let mut changed: BTreeSet<String> = about(events).collect();
        // Being cut off while it waits loses nothing: what was taken has been noted.
        let gathering = async {
            while let Step::Events(events) = self.follow.next(GATHER).await {
                changed.extend(about(events));
            }
        };
        let _ = tokio::time::timeout(GATHER, gathering).await;
        (self.decided, self.begun) = (decided, begun);
        changed
    }

    /// Takes what the page shows as known where nothing happened since it was made; else sends all of it again.
    async fn begin(&mut self) -> Answer<String> {
        let rows = self.visitor.site.rows.read(&self.visitor.site).await?;
        let is_current = rows.seq <= self.follow.seq();
        let seen = Seen::read(&self.visitor, &self.page, rows, &BTreeSet::new(), None).await?;
        self.asks = seen.asks();
        self.screen = match seen.live_attempt() {
            Some(id) => Some((id, web::tail(&self.visitor.site, id).await.1)),
            None => None,
        };
        self.is_old = !is_current;
        if is_current {
            self.shown = seen.console().map(str::to_owned);
            let shown = seen.without_output().parts(&self.visitor, self.began);
            shown.iter().for_each(|it| self.known.learn(it));
        }
        Ok(self.clock())
    }

    /// Returns the clock when it is due, and what the terminal printed.
    async fn quiet(&mut self) -> Answer<String> {
        let mut frames = self.printed_until(None).await?;
        let now = self.visitor.site.control.now();
        if now.duration_since(self.clock_at).as_secs_f64() >= CLOCK.as_secs_f64() - 0.5 {
            frames.push_str(&self.clock());
        }
        Ok(frames)
    }

    /// Returns the clock, with since when what came before it was so, and what whoever looks may do now; it also carries how far this
    /// stream has come.
    fn clock(&mut self) -> String {
        self.clock_at = self.visitor.site.control.now();
        let at = self.clock_at.as_millisecond();
        let since = self.since.take().map_or(at, Timestamp::as_millisecond);
        let may = self.visitor.who.may().word();
        format!("id: {}\nevent: clock\ndata: {at} {since} {may}\n\n", self.follow.seq())
    }

    /// Returns the elements that the changed tickets made different.
    async fn changes(&mut self, changed: &BTreeSet<String>) -> Answer<String> {
        let rows = self.visitor.site.rows.since(&self.visitor.site, self.follow.seq()).await?;
        let known = self.shown.as_deref();
        let seen = Seen::read(&self.visitor, &self.page, rows, changed, known).await?;
        let mut frames = self.firsts();
        for id in self.gone(&seen, changed) {
            self.known.forget(&id);
            frames.push_str(&frame("gone", &id));
        }
        let now = self.visitor.site.control.now();
        let fresh = seen.parts(&self.visitor, now);
        let printed = self.printed(&seen).await?;
        self.turn_screen(&seen);
        let seen = seen.without_output();
        let mut patch = Patch::default();
        for (timeless, fresh) in seen.parts(&self.visitor, self.began).iter().zip(&fresh) {
            self.known.compare(timeless, fresh, &mut patch);
        }
        if !patch.html.is_empty() {
            frames.push_str(&frame("fragment", &patch.html));
        }
        for list in &patch.lists {
            frames.push_str(&frame("list", &serde_json::to_string(list).unwrap_or_default()));
        }
        for sentence in self.new_asks(&seen) {
            frames.push_str(&frame("said", &on_one_line(&sentence)));
        }
        frames.push_str(&printed);
        frames.push_str(&self.clock());
        Ok(frames)
    }

    /// Returns who decided what, for those forms of the page that are about it and in use, and whose verdicts are past their undo.
    fn firsts(&mut self) -> String {
        let (decided, begun) = (std::mem::take(&mut self.decided), std::mem::take(&mut self.begun));
        let is_here = |key: &str| match &self.page {
            Page::NeedsYou => self.visitor.who.may_see(key),
            Page::Ticket(own, _) => own.to_string() == key,
            Page::Board(_) | Page::Fleet | Page::Quiet => false,
        };
        let told = decided.iter().filter_map(|it| Some((it, it.ticket.as_deref()?)));
        let told = told.filter(|(_, key)| is_here(key)).map(|(event, key)| {
            let who = told::principal(told::who(event));
            let what: String = told::told(event).chars().take(TOLD).collect();
            let first = json!({ "ticket": key, "who": who, "what": what, "at": event.at });
            frame("first", &first.to_string())
        });
        let begun = begun.iter().filter(|it| is_here(it)).map(|it| frame("begun", it));
        told.chain(begun).collect()
    }

    /// Returns the elements that have no place on the page any more.
    fn gone(&self, seen: &Seen, changed: &BTreeSet<String>) -> BTreeSet<String> {
        let asks = seen.asks();
        let settled: Vec<&String> = match self.page {
            Page::NeedsYou => {
                let unknown = changed.iter().filter(|_| self.is_old);
                self.asks.iter().chain(unknown).filter(|it| !asks.contains(*it)).collect()
            }
            Page::Board(_) | Page::Ticket(..) | Page::Fleet | Page::Quiet => Vec::new(),
        };
        let settled = settled.into_iter().map(|it| format!("ask-{it}"));
        settled.chain(seen.filtered_out(changed)).collect()
    }

    /// Returns what waits for the person since now, as sentences.
    fn new_asks(&mut self, seen: &Seen) -> Vec<String> {
        let now = seen.asks();
        let new: Vec<String> = now.difference(&self.asks).filter_map(|it| seen.told(it)).collect();
        self.asks = now;
        new
    }

    /// Follows the newest attempt's terminal from where the page has it.
    fn turn_screen(&mut self, seen: &Seen) {
        if !matches!(self.page, Page::Ticket(..)) || !seen.is_whole() {
            return;
        }
        self.shown = seen.console().map(str::to_owned);
        let live = seen.live_attempt();
        if self.screen.map(|it| it.0) != live {
            self.screen = live.and_then(|id| Some((id, seen.printed_until(id)?)));
        }
    }

    /// Returns what the terminal printed up to what `seen` has of it: a page to which the terminal is new gets that with it.
    async fn printed(&mut self, seen: &Seen) -> Answer<String> {
        let until = self.screen.and_then(|(id, _)| seen.printed_until(id));
        self.printed_until(until).await
    }

    /// Returns what the terminal printed since it was last looked at, at most to the byte `until`.
    async fn printed_until(&mut self, until: Option<u64>) -> Answer<String> {
        let Some((id, offset)) = self.screen else { return Ok(String::new()) };
        let (mut bytes, mut next) = self.visitor.site.control.attempt_log(id, offset).await?;
        if let Some(until) = until.filter(|until| *until < next) {
            bytes.truncate(usize::try_from(until.saturating_sub(offset)).unwrap_or(usize::MAX));
            next = until.max(offset);
        }
        // A line that is not whole yet may end within a character or an escape sequence.
        let end = bytes.iter().rposition(|it| *it == b'\n').map_or(bytes.len(), |at| at + 1);
        let left = (bytes.len() - end) as u64;
        self.screen = Some((id, next - left));
        let text = plain(bytes.get(..end).unwrap_or_default());
        if text.is_empty() {
            return Ok(String::new());
        }
        Ok(frame("output", &json!({ "attempt": id, "text": text, "to": next - left }).to_string()))
    }
}

/// Returns one event of the stream; the id comes with the clock that ends each batch.
fn frame(event: &str, data: &str) -> String {
    let lines: Vec<String> = data.lines().map(|it| format!("data: {it}\n")).collect();
    format!("event: {event}\n{}\n", lines.concat())
}
