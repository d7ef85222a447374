//! Fills the view of one ticket.

use std::io::{Read as _, Seek as _, SeekFrom};

use axum::extract::{Path, Query};
use axum::http::Uri;
use maud::Markup;
use mission_domain::doc::{AttemptDoc, EventDoc, GateDoc, MessageDoc, OperatorActDoc, TicketDoc};
use mission_domain::ids::{AttemptId, Digest, TicketKey};
use mission_domain::ticket::Ticket;
use mission_store::{EventFilter, ProjectionFilter, ProjectionKind};
use serde::Deserialize;

use super::read::{self, Rows};
use super::shell::{Visitor, in_query};
use crate::app::Site;
use crate::pages::output::plain;
use crate::pages::view::{CampaignPart, ConsoleView, OtherAttempt, RelatedTicket, TicketView};
use crate::pages::{self, PacketView, TextView, words};
use crate::problem::{Answer, Problem};

/// How much of a terminal's output a page has, in bytes.
const OUTPUT: u64 = 16 * 1024;

/// How many of the texts that were handed in a page has, and how much of each, in characters.
const TEXTS: usize = 4;
const TEXT: usize = 20_000;

/// What is larger is no text to read on a page, in bytes.
const LARGEST: u64 = 4 << 20;

/// How many events and messages a page has.
const EVENTS: u32 = 60;
const MESSAGES: u32 = 100;

/// What of a campaign's page is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    part: Option<String>,
    /// The attempt whose terminal is asked for; else it is the newest.
    attempt: Option<String>,
}

pub(super) async fn page(
    visitor: Visitor,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Markup> {
    let key: TicketKey = key.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let mut view = view(&visitor, &key, asked.attempt.as_deref()).await?;
    view.part = match asked.part.as_deref() {
        Some("dependencies") => CampaignPart::Dependencies,
        Some("activity") => CampaignPart::Activity,
        Some(_) | None => CampaignPart::Matrix,
    };
    Ok(pages::ticket::page(&view))
}

/// Returns the attempt that the page at an address was asked to show.
pub(crate) fn attempt_shown(address: Option<&Uri>) -> Option<String> {
    in_query(address?, "attempt")
}

/// Returns everything that the page of `key` shows; the terminal is that of `shown`, else of the newest attempt.
pub(crate) async fn view(
    visitor: &Visitor,
    key: &TicketKey,
    shown: Option<&str>,
) -> Answer<TicketView> {
    let site = &visitor.site;
    let rows = site.rows.read(site).await?;
    let shell = visitor.shell_over(&rows).await?;
    let (whole, _) = site.control.ticket(key).await?;
    let ticket = site.control.ticket_doc(key).await?;
    let children = children(&rows, site, &ticket).await?;
    let attempts = match ticket.kind.as_str() {
        "campaign" => attempts_of_all(site, &children).await?,
        _ => attempts(site, key).await?,
    };
    let holds_up = rows.held_up_by(key);
    let (previous, next) = neighbours(&rows, key);
    Ok(TicketView {
        shell,
        packet: packet(site, key, &ticket).await,
        console: console_of(site, &ticket, &attempts, shown).await?,
        messages: messages(site, key).await?,
        events: events(site, key).await?,
        acts: acts(site, key, words::has_ended(&ticket)).await?,
        related: related(&rows, &ticket, &holds_up),
        children,
        part: CampaignPart::default(),
        policy: policy(&whole),
        withdrawable: whole.withdrawable_by(visitor.who.principal()),
        waiting: whole.withdrawable_messages(),
        holds_up: u32::try_from(rows.held_up_in_all(key)).unwrap_or(u32::MAX),
        ticket,
        attempts,
        previous,
        next,
    })
}

async fn attempts(site: &Site, key: &TicketKey) -> Answer<Vec<AttemptDoc>> {
    let filter = ProjectionFilter::of(ProjectionKind::Attempt).about(key);
    read::projections(site, &ProjectionFilter { newest_first: true, ..filter }).await
}

/// Returns the attempts of a campaign's tickets.
async fn attempts_of_all(site: &Site, children: &[TicketDoc]) -> Answer<Vec<AttemptDoc>> {
    let mut all = Vec::new();
    for key in children.iter().filter_map(|it| it.key.parse().ok()) {
        all.extend(attempts(site, &key).await?);
    }
    Ok(all)
}

async fn messages(site: &Site, key: &TicketKey) -> Answer<Vec<MessageDoc>> {
    let filter = ProjectionFilter::of(ProjectionKind::Message).about(key);
    let filter = ProjectionFilter { newest_first: true, limit: Some(MESSAGES), ..filter };
    read::projections(site, &filter).await
}

async fn events(site: &Site, key: &TicketKey) -> Answer<Vec<EventDoc>> {
    let ticket = Some(key.clone());
    let filter =
        EventFilter { ticket, newest_first: true, limit: Some(EVENTS), ..EventFilter::default() };
    Ok(site.control.store().events(&filter).await?)
}

/// Returns what the operator did to a ticket, newest first; in one that `has_ended` nothing of it can be undone.
async fn acts(site: &Site, key: &TicketKey, has_ended: bool) -> Answer<Vec<OperatorActDoc>> {
    let mut acts = site.control.operator_log().await?;
    acts.retain(|it| it.ticket.as_deref() == Some(&key.to_string()));
    acts.iter_mut().for_each(|it| it.undoable &= !has_ended);
    acts.sort_by_key(|it| std::cmp::Reverse(it.at));
    Ok(acts)
}

/// Returns the newest packet of the gate at work, else of the last gate that has one.
async fn packet(site: &Site, key: &TicketKey, ticket: &TicketDoc) -> Option<PacketView> {
    let stands = |it: &&GateDoc| it.packet.is_some() && it.state == "active";
    let last = || ticket.gates.iter().rev().find(|it| it.packet.is_some());
    let gate = ticket.gates.iter().find(stands).or_else(last)?;
    // A page without its packet still says where the ticket stands; `mission fsck` tells what is lost.
    let found = site.control.packets(key, Some(&gate.id)).await.inspect_err(|error| {
        tracing::warn!(%key, gate = gate.id, error = error.in_full(), "a packet cannot be read");
    });
    let newest = found.unwrap_or_default().pop()?;
    let read: Result<PacketView, _> = serde_json::from_value(newest);
    let mut read = read
        .inspect_err(
            |error| tracing::warn!(%key, gate = gate.id, %error, "a packet cannot be shown"),
        )
        .ok()?;
    read.texts = texts(site, &read).await;
    Some(read)
}

/// Returns what was written and handed in, where a packet is about no commit: the plan, the direction, the report.
pub(super) async fn texts(site: &Site, packet: &PacketView) -> Vec<TextView> {
    let written = packet.artifacts.iter().filter(|it| {
        packet.commit.is_none() && it.kind != "log" && it.bytes.is_none_or(|n| n <= LARGEST)
    });
    let wanted: Vec<(String, Digest)> = written
        .filter_map(|it| Some((words::plain(&it.kind), it.digest.parse().ok()?)))
        .take(TEXTS)
        .collect();
    let artifacts = site.control.artifacts();
    let read = move || {
        let text = |(kind, digest): (String, Digest)| {
            let whole = String::from_utf8(artifacts.read(&digest).ok()?).ok()?;
            let text: String = whole.chars().take(TEXT).collect();
            let is_cut = text.len() < whole.len();
            Some(TextView { kind, digest: digest.to_string(), text, is_cut })
        };
        wanted.into_iter().filter_map(text).collect()
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

/// Returns the terminal of the attempt `shown`, else of the newest, with the others beside it.
async fn console_of(
    site: &Site,
    ticket: &TicketDoc,
    attempts: &[AttemptDoc],
    shown: Option<&str>,
) -> Answer<Option<ConsoleView>> {
    let own = if ticket.kind == "campaign" { &[] } else { attempts };
    let at = match shown {
        None => 0,
        Some(id) => own
            .iter()
            .position(|it| it.id == id)
            .ok_or_else(|| Problem::not_found(format!("`{}` has no attempt `{id}`", ticket.key)))?,
    };
    let is_newest = at == 0;
    let goes_on = is_newest && ticket.state != "blocked" && !words::has_ended(ticket);
    let journal = |it: &AttemptDoc| site.control.journal(it);
    let others = own.iter().enumerate().filter(|it| it.0 != at);
    let others = others.map(|(_, it)| OtherAttempt { attempt: it.clone(), journal: journal(it) });
    let others = others.collect();
    let console = console(site, own.get(at)).await;
    Ok(console.map(|it| ConsoleView { others, goes_on, is_newest, ..it }))
}

/// Returns what an attempt last printed.
pub(super) async fn console(site: &Site, attempt: Option<&AttemptDoc>) -> Option<ConsoleView> {
    let attempt = attempt?.clone();
    let id: AttemptId = attempt.id.parse().ok()?;
    let (bytes, output_end) = tail(site, id).await;
    let output = plain(&bytes);
    let is_live = attempt.state != "ended" && attempt.tmux.is_some();
    let socket = site.control.paths().tmux();
    let place = attempt.tmux.as_deref().filter(|_| is_live);
    let attach = place.map(|it| format!("tmux -S {} attach -t {it}", socket.display()));
    let journal = site.control.journal(&attempt);
    Some(ConsoleView {
        attempt,
        output,
        output_end,
        attach,
        journal,
        goes_on: true,
        is_newest: true,
        others: Vec::new(),
    })
}

/// Returns the end of an attempt's journal, and where it goes on.
pub(crate) async fn tail(site: &Site, id: AttemptId) -> (Vec<u8>, u64) {
    let path = site.control.paths().lane(id).join("journal");
    let read = move || -> std::io::Result<(Vec<u8>, u64)> {
        let mut file = std::fs::File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(end.saturating_sub(OUTPUT)))?;
        let mut bytes = Vec::new();
        file.take(OUTPUT).read_to_end(&mut bytes)?;
        Ok((bytes, end))
    };
    // An attempt that printed nothing yet has no journal.
    tokio::task::spawn_blocking(read).await.ok().and_then(Result::ok).unwrap_or_default()
}

fn related(rows: &Rows, ticket: &TicketDoc, holds_up: &[TicketKey]) -> Vec<RelatedTicket> {
    let beside = |how: &str, key: &str| {
        let row = rows.rows.get(&key.parse::<TicketKey>().ok()?)?;
        let (how, key) = (how.to_owned(), key.to_owned());
        Some(RelatedTicket { how, key, title: row.title.clone(), state: row.state.clone() })
    };
    let parent = ticket.parent.iter().filter_map(|it| beside("in", it));
    let waits = ticket.blocked_by.iter().filter_map(|it| beside("waits for", it));
    let holds = holds_up.iter().filter_map(|it| beside("holds up", &it.to_string()));
    let replaced = ticket.superseded_by.iter().filter_map(|it| beside("replaced by", it));
    parent.chain(waits).chain(holds).chain(replaced).collect()
}

async fn children(rows: &Rows, site: &Site, ticket: &TicketDoc) -> Answer<Vec<TicketDoc>> {
    let keys: Vec<TicketKey> = ticket.children.iter().filter_map(|it| it.parse().ok()).collect();
    let docs = rows.docs(site, keys.clone()).await?;
    Ok(keys.iter().filter_map(|it| docs.get(it)).map(|it| TicketDoc::clone(it)).collect())
}

/// Returns the rules that the ticket carries, one sentence each.
fn policy(ticket: &Ticket) -> Vec<String> {
    let mut rules = vec![match ticket.lands() {
        true => {
            format!("Lands by {}, once every required gate holds a fresh sign-off", ticket.land)
        }
        false => "Lands nothing".to_owned(),
    }];
    for gate in ticket.gates.iter().filter(|it| it.required) {
        let deciders: Vec<String> = gate.rule.decided_by.iter().map(ToString::to_string).collect();
        let apart = gate.rule.independent.map(|it| format!(", independent by {it}"));
        let name = pages::words::gate(gate.rule.id.as_str());
        rules.push(format!(
            "{name}: decided by {}{}",
            deciders.join(" and "),
            apart.unwrap_or_default()
        ));
    }
    rules
}

/// Returns the open tickets before and after this one in its project.
fn neighbours(rows: &Rows, key: &TicketKey) -> (Option<String>, Option<String>) {
    let open = || rows.of(Some(key.project())).filter(|it| it.open);
    let before = open().filter(|it| it.key < *key).last();
    let after = open().find(|it| it.key > *key);
    (before.map(|it| it.key.to_string()), after.map(|it| it.key.to_string()))
}
