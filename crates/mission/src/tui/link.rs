//! The two lines to the server: one follows what happens, the other asks and orders. Both find the server again after it was gone.

use std::time::Duration;

use mission_domain::doc::{ApprovalDoc, AttemptDoc, LaneDoc, MessageDoc, NeedsYouDoc, TicketDoc};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::ask::Order;
use super::model::{Card, Fleet, Part, Want};
use super::update::{Effect, Happened, Input};
use crate::door::{Door, Events, Heard, with_query};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::ticket::Whole;
use crate::output::words;

/// Between two tries to reach the server.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Longer than a server that is well is ever silent: it beats every 15 s.
const SILENCE: Duration = Duration::from_secs(25);

/// Longer than any answer that the view asks for takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the server is to be found.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// The home that it serves.
    pub(super) home: Home,
    /// Whether this is a lane's process.
    pub(super) in_lane: bool,
    /// The only project that is shown.
    pub(super) project: Option<String>,
}

impl Way {
    /// Opens a line.
    pub(super) async fn open(&self) -> Result<Door, Failure> {
        let none = || {
            Failure::unreachable("no server is up, so nothing happens that could be watched")
                .hint("start it with `mission up`")
        };
        Door::server(&self.home, self.in_lane).await?.ok_or_else(none)
    }
}

/// Tells what happens, for as long as somebody listens.
pub(super) async fn follow(way: Way, tell: UnboundedSender<Input>) {
    loop {
        let why = match listen(&way, &tell).await {
            Ok(()) => "the server closed the stream".to_owned(),
            Err(failure) => failure.text,
        };
        if tell.send(Input::Lost(why)).is_err() {
            return;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn listen(way: &Way, tell: &UnboundedSender<Input>) -> Result<(), Failure> {
    let door = way.open().await?;
    let late = |_| Failure::unreachable("the server is there and does not answer");
    let opened = tokio::time::timeout(PATIENCE, door.stream("/events?tail=0", None)).await;
    let mut events = opened.map_err(late)??;
    // From here on everything is told: what is asked for now misses nothing.
    let mut said = tell.send(Input::Linked { url: door.url() });
    while said.is_ok() {
        match next(&mut events).await? {
            Some(input) => said = tell.send(input),
            None => return Ok(()),
        }
    }
    Ok(())
}

async fn next(events: &mut Events) -> Result<Option<Input>, Failure> {
    let silent = |_| Failure::unreachable("the server is there and has become silent");
    let heard = tokio::time::timeout(SILENCE, events.heard()).await.map_err(silent)??;
    Ok(heard.map(|heard| match heard {
        Heard::Beat => Input::Beat,
        Heard::Event(event) => {
            let event = serde_json::from_str(&event.data).ok();
            Input::Happened(event.map_or_else(Happened::default, Happened::of))
        }
    }))
}

/// Does what the view wants of the server, one thing after the other.
pub(super) async fn serve(
    way: Way,
    mut wanted: UnboundedReceiver<Effect>,
    tell: UnboundedSender<Input>,
) {
    let mut door = None;
    while let Some(effect) = wanted.recv().await {
        let answers = match effect {
            Effect::Fetch(wants) => {
                let mut answers = Vec::with_capacity(wants.len() + 1);
                for want in wants {
                    answers.push(match fetched(&way, &mut door, &want).await {
                        Ok(part) => Input::Got(part),
                        Err(failure) => Input::NotGot(want, failure),
                    });
                }
                answers.push(Input::Fetched);
                answers
            }
            Effect::Send(order, text) => match sent(&way, &mut door, &order, &text).await {
                Ok(told) => vec![Input::Done(order, told)],
                Err(failure) => vec![Input::Refused(failure)],
            },
            Effect::Attach(_) | Effect::Suspend | Effect::Quit => Vec::new(),
        };
        for answer in answers {
            if tell.send(answer).is_err() {
                return;
            }
        }
    }
}

/// Asks over the line that is open, or a new one; a line that broke is not used again.
async fn over<T>(
    way: &Way,
    door: &mut Option<Door>,
    ask: impl AsyncFnOnce(&Door) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let open = match door.take() {
        Some(open) => open,
        None => way.open().await?,
    };
    let late = |_| Failure::unreachable("the server is there and does not answer");
    let answer = tokio::time::timeout(PATIENCE, ask(&open)).await.map_err(late)?;
    if !answer.as_ref().is_err_and(|it| it.exit == Exit::Unreachable) {
        *door = Some(open);
    }
    answer
}

/// The lists of the API, one field each.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    items: Vec<NeedsYouDoc>,
    tickets: Vec<Card>,
    lanes: Vec<LaneDoc>,
    attempts: Vec<AttemptDoc>,
    messages: Vec<MessageDoc>,
    packets: Vec<Value>,
}

async fn fetched(way: &Way, door: &mut Option<Door>, want: &Want) -> Result<Part, Failure> {
    over(way, door, async |door: &Door| part(door, want, way.project.as_deref()).await).await
}

async fn part(door: &Door, want: &Want, project: Option<&str>) -> Result<Part, Failure> {
    let of = [("project", project)];
    Ok(match want {
        Want::NeedsYou => {
            let answer = door.get("/needs-you").await?;
            Part::NeedsYou(
                answer.of_project("items", "/ticket/key", project)?.read::<Lists>()?.items,
            )
        }
        Want::Board => {
            let path = with_query("/tickets", &[of[0], ("fields", Some("row"))]);
            Part::Board(door.get(&path).await?.read::<Lists>()?.tickets)
        }
        Want::Fleet => {
            let lanes = door.get(&with_query("/lanes", &of)).await?.read::<Lists>()?.lanes;
            let mut attempts = Vec::new();
            for id in lanes.iter().flat_map(|it| &it.attempts) {
                // One that ended meanwhile is told by the next change.
                match door.get(&format!("/attempts/{id}")).await {
                    Ok(answer) => attempts.push(answer.read()?),
                    Err(failure) if failure.exit == Exit::No => {}
                    Err(failure) => return Err(failure),
                }
            }
            Part::Fleet(Fleet { lanes, attempts })
        }
        Want::Ticket(key) => {
            let of_ticket = |path: &str| with_query(path, &[("ticket", Some(key))]);
            let ticket: TicketDoc = door.get(&format!("/tickets/{key}")).await?.read()?;
            let attempts = door.get(&of_ticket("/attempts")).await?.read::<Lists>()?.attempts;
            let messages = door.get(&of_ticket("/messages")).await?.read::<Lists>()?.messages;
            Part::Ticket(Box::new(Whole { ticket, attempts, messages }))
        }
        Want::Packet(key) => {
            let answer = door.get(&format!("/tickets/{key}/packets")).await?;
            Part::Packet(key.clone(), answer.read::<Lists>()?.packets)
        }
    })
}

/// Sends an order, and returns what it led to in a sentence.
async fn sent(
    way: &Way,
    door: &mut Option<Door>,
    order: &Order,
    text: &str,
) -> Result<String, Failure> {
    let (path, body) = order.request(text);
    let answer = over(way, door, async |door: &Door| door.post(&path, &body).await).await?;
    Ok(match order {
        Order::Approve { id } | Order::Deny { id } => {
            format!("{id} is {}", words::plain(&answer.read::<ApprovalDoc>()?.state))
        }
        Order::Say { .. } => {
            let message: MessageDoc = answer.read()?;
            format!("{} is {} for {}", message.id, message.state, message.to)
        }
        Order::Report { attempt } => format!("{attempt} is reported done"),
        Order::Verdict { .. }
        | Order::Withdraw { .. }
        | Order::Answer { .. }
        | Order::Retry { .. } => {
            let ticket: TicketDoc = answer.read()?;
            format!("{} is {}: {}", ticket.key, words::plain(&ticket.state), ticket.reason.text)
        }
    })
}
