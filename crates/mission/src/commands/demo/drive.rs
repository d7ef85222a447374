//! Drives the campaign from outside, through the API alone: files the tickets, answers for the person, waits for the end.

use std::time::{Duration, Instant};

use mission_domain::doc::{EventDoc, TicketDoc};
use mission_testkit::agents::Part;
use mission_testkit::demo::{Ends, KEY, Scripted, left_to_you};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use super::link::Link;
use super::narrate::Narrator;
use super::person::Person;
use super::stage::Stage;
use crate::context::print_text;
use crate::failure::{Exit, Failure};

/// How long between two looks while something waits for an answer, or no event comes.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long events are gathered before a look.
const GATHER: Duration = Duration::from_millis(40);

/// A ticket that is blocked for this long is not coming on by itself.
const BLOCKED_FOR: Duration = Duration::from_secs(45);

/// How long anybody waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The scripted person, for somebody at the page.
    pub(super) answer_after: Duration,
    /// Everybody, for the end.
    pub(super) deadline: Duration,
}

/// A list of tickets.
#[derive(Debug, Deserialize)]
pub(super) struct Tickets {
    pub(super) tickets: Vec<TicketDoc>,
}

/// Files what is not filed yet and goes on until every ticket is where its script ends. The server may be away for a while.
pub(super) async fn drive(
    stage: &Stage,
    link: &Link,
    narrator: &mut Narrator,
    patience: Patience,
) -> Result<(), Failure> {
    let script = stage.script();
    let began = Instant::now();
    let mut person = Person::new(patience.answer_after);
    let mut events = link.follow();
    let mut blocked_since: Option<Instant> = None;
    let mut is_filed = false;
    loop {
        let now = Instant::now();
        match tickets(link).await {
            Ok(tickets) => {
                if !is_filed {
                    is_filed = file(link, &script, tickets).await?;
                    continue;
                }
                if script.iter().all(|scripted| has_ended(scripted, &tickets)) {
                    tell(&mut events, narrator);
                    return Ok(());
                }
                person.answer(&tickets, link, now).await;
                let is_blocked = tickets.iter().any(|ticket| ticket.state == "blocked");
                blocked_since = is_blocked.then(|| blocked_since.unwrap_or(now));
                if blocked_since.is_some_and(|since| now.duration_since(since) > BLOCKED_FOR) {
                    return Err(stuck("a ticket is blocked", &tickets));
                }
                if now.duration_since(began) > patience.deadline {
                    return Err(stuck("the time is up", &tickets));
                }
            }
            Err(failure) if failure.exit != Exit::Unreachable => return Err(failure),
            Err(failure) if now.duration_since(began) > patience.deadline => return Err(failure),
            // The server is away: it is looked for again.
            Err(_) => {}
        }
        let rest = if person.is_owing() { LOOK_AGAIN / 4 } else { LOOK_AGAIN };
        if let Ok(Some(event)) = tokio::time::timeout(rest, events.recv()).await {
            show(narrator, &event);
            tokio::time::sleep(GATHER).await;
            tell(&mut events, narrator);
        }
    }
}

/// Returns all tickets as they are.
pub(super) async fn tickets(link: &Link) -> Result<Vec<TicketDoc>, Failure> {
    let list: Tickets = link.get(&format!("/tickets?project={KEY}")).await?;
    Ok(list.tickets)
}

/// Files what is left to whoever watches, once the scripts have ended.
pub(super) async fn leave_to_person(link: &Link) -> Result<Vec<Scripted>, Failure> {
    let script = left_to_you();
    file(link, &script, tickets(link).await?).await?;
    Ok(script)
}

/// Cancels what is open beside the scripts: the demo ends, and nobody works on.
pub(super) async fn cancel_the_rest(stage: &Stage, link: &Link) -> Result<(), Failure> {
    let script = stage.script();
    let is_scripted = |it: &TicketDoc| script.iter().any(|one| one.title == it.title);
    let is_open =
        |it: &TicketDoc| !matches!(it.state.as_str(), "done" | "cancelled" | "superseded");
    for ticket in tickets(link).await?.iter().filter(|it| is_open(it) && !is_scripted(it)) {
        let path = format!("/tickets/{}/cancel", ticket.key);
        link.post(&path, &json!({ "reason": "the demo ended" })).await?;
    }
    Ok(())
}

/// Returns the ticket of the script among `tickets`.
pub(super) fn find<'t>(scripted: &Scripted, tickets: &'t [TicketDoc]) -> Option<&'t TicketDoc> {
    tickets.iter().find(|ticket| ticket.title == scripted.title)
}

/// Files the tickets that are missing, in their order. Returns whether all are there; a server that went away is no failure.
async fn file(
    link: &Link,
    script: &[Scripted],
    mut known: Vec<TicketDoc>,
) -> Result<bool, Failure> {
    for scripted in script {
        if find(scripted, &known).is_some() {
            continue;
        }
        match link.post("/tickets", &request(scripted, script, &known)).await {
            Ok(filed) => {
                let filed = serde_json::from_value(filed).map_err(|e| {
                    Failure::unreachable(format!("the server's answer cannot be read: {e}"))
                })?;
                known.push(filed);
            }
            Err(failure) if failure.exit == Exit::Unreachable => return Ok(false),
            Err(failure) => return Err(failure),
        }
    }
    Ok(true)
}

fn request(scripted: &Scripted, script: &[Scripted], known: &[TicketDoc]) -> Value {
    let key = |wanted: &dyn Fn(&Scripted) -> bool| {
        let found = script.iter().find(|it| wanted(it)).and_then(|it| find(it, known));
        found.map(|ticket| ticket.key.clone())
    };
    let parent = key(&|it| it.is_campaign).filter(|_| scripted.is_child);
    let first = |part: Part| key(&|it: &Scripted| it.part == Some(part));
    let blocked_by: Vec<String> = scripted.waits_for.and_then(first).into_iter().collect();
    let mut body = json!({
        "title": scripted.title,
        "body": scripted.body,
        "project": KEY,
        "kind": if scripted.is_campaign { "campaign" } else { "task" },
        "labels": scripted.labels,
        "blocked_by": blocked_by,
        "park": scripted.is_parked,
        "channel": "api",
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(parent.map(|parent| ("parent".to_owned(), json!(parent))));
        body.extend(scripted.workflow.map(|it| ("workflow".to_owned(), json!(it))));
    }
    body
}

/// Returns whether the ticket is in the state that its script names.
pub(super) fn has_ended(scripted: &Scripted, tickets: &[TicketDoc]) -> bool {
    find(scripted, tickets).is_some_and(|ticket| {
        let has_landed = scripted.ends != Ends::Landed || ticket.landed_as.is_some();
        ticket.state == scripted.ends.state() && has_landed
    })
}

fn tell(events: &mut Receiver<EventDoc>, narrator: &mut Narrator) {
    while let Ok(event) = events.try_recv() {
        show(narrator, &event);
    }
}

fn show(narrator: &mut Narrator, event: &EventDoc) {
    if let Some(line) = narrator.line(event) {
        print_text(&line);
    }
}

fn stuck(why: &str, tickets: &[TicketDoc]) -> Failure {
    let open = tickets.iter().filter(|it| !matches!(it.state.as_str(), "done" | "parked"));
    let open: Vec<String> =
        open.map(|it| format!("{} is {}: {}", it.key, it.state, it.reason.text)).collect();
    let text = format!("the demo does not come to its end, {why}. {}", open.join("; "));
    Failure::new(Exit::No, "demo_stuck", text)
        .hint("run it again with `--keep DIR` and look at `mission --home DIR/home attempt list`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_parent_and_blocker_by_the_keys_they_were_given() {
        let script = mission_testkit::demo::campaign(true);
        let at: mission_domain::ids::Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let known: Vec<TicketDoc> =
            script.iter().zip(1..).map(|(it, n)| ticket(it.title, n, at)).collect();
        let bodies: Vec<Value> = script.iter().map(|it| request(it, &script, &known)).collect();
        let leaflet =
            script.iter().position(|it| it.part == Some(Part::Leaflet)).expect("the leaflet");
        assert_eq!(bodies[leaflet]["parent"], "HB-1");
        assert_eq!(bodies[leaflet]["blocked_by"], json!(["HB-3"]));
        assert_eq!(bodies[leaflet]["workflow"], "docs");
        assert_eq!(bodies[0]["kind"], "campaign");
        assert_eq!(bodies[0].get("parent"), None);
        let parked = bodies.last().expect("the last");
        assert_eq!((&parked["park"], parked.get("parent")), (&json!(true), None));
    }

    fn ticket(title: &str, number: u32, at: mission_domain::ids::Timestamp) -> TicketDoc {
        let doc = json!({
            "key": format!("HB-{number}"), "project": "HB", "title": title, "kind": "task", "state": "todo",
            "reason": {"code": "queued", "text": ""}, "next_action": null, "priority": "medium", "labels": [],
            "workflow": "standard", "parent": null, "children": [], "blocked_by": [],
            "source": {"channel": "api", "principal": "scripted"}, "workspace": null, "landed_as": null,
            "gates": [], "created_at": at, "updated_at": at, "closed_at": null, "version": 1
        });
        serde_json::from_value(doc).expect("a ticket")
    }
}
