//! Fills the views of *Packets* and *Packet*, and of the change on a page of its own.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::Markup;
use mission_domain::ids::{Commit, TicketKey, Timestamp};
use mission_store::EventFilter;
use serde::Deserialize;

use super::read::PacketRow;
use super::shell::Visitor;
use crate::app::Site;
use crate::auth::Who;
use crate::pages::diff::Style;
use crate::pages::diff::parse::{Patch, parse};
use crate::pages::packets::LEAF;
use crate::pages::view::{PacketLine, PacketPage, PacketsView, Since};
use crate::pages::{self, PacketView};
use crate::problem::{Answer, Problem};

/// So many events are searched for the moment at which a packet was sealed.
const EVENTS: u32 = 1_000;

/// The bytes from which on a patch may have been cut.
const CUT_AT: usize = 4 << 20;

/// What the list is limited to.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Limits {
    status: Option<String>,
    from: Option<String>,
}

pub(super) async fn list(visitor: Visitor, Query(limits): Query<Limits>) -> Answer<Markup> {
    let rows = visitor.site.rows.read(&visitor.site).await?;
    let shell = visitor.shell_over(&rows).await?;
    let mut found = rows.packets(&visitor.site, visitor.project.as_ref()).await?;
    let mut counts: Vec<(String, u32)> = Vec::new();
    for word in found.iter().map(|it| &it.status) {
        match counts.iter_mut().find(|(it, _)| it == word) {
            Some((_, n)) => *n += 1,
            None => counts.push((word.clone(), 1)),
        }
    }
    let status = limits.status.filter(|it| !it.is_empty());
    found.retain(|it| status.as_ref().is_none_or(|word| *word == it.status));
    let total = found.len();
    let from = limits.from.and_then(|it| it.parse().ok()).unwrap_or(0).min(total);
    let shown: Vec<PacketRow> = found.into_iter().skip(from).take(LEAF).collect();
    let keys: BTreeSet<TicketKey> = shown.iter().map(|it| it.ticket.clone()).collect();
    let docs = rows.docs(&visitor.site, keys.into_iter().collect()).await?;
    let viewer = shell.viewer();
    let line = |it: &PacketRow| {
        let ticket = docs.get(&it.ticket)?;
        let gate = ticket.gates.iter().find(|gate| gate.id == it.gate)?.clone();
        let (key, title) = (ticket.key.clone(), ticket.title.clone());
        Some(PacketLine { key, title, gate, is_owed: viewer.owes(ticket), at: it.at })
    };
    let packets = shown.iter().filter_map(line).collect();
    Ok(pages::packets::page(&PacketsView { shell, packets, status, counts, total, from }))
}

/// How the change is shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    style: Option<String>,
    /// The commit of an earlier round.
    since: Option<String>,
}

pub(super) async fn packet(
    visitor: Visitor,
    Path((key, gate)): Path<(String, String)>,
) -> Answer<Markup> {
    let view = view(&visitor, &key, &gate, Style::Unified, false).await?;
    Ok(pages::packet_page::page(&view))
}

pub(super) async fn diff(
    visitor: Visitor,
    Path((key, gate)): Path<(String, String)>,
    Query(shown): Query<Shown>,
) -> Answer<Markup> {
    let style = match shown.style.as_deref() {
        Some("split") => Style::Split,
        Some(_) | None => Style::Unified,
    };
    let mut view = view(&visitor, &key, &gate, style, true).await?;
    if let Some(commit) = shown.since.filter(|it| !it.is_empty()) {
        view.since = Some(since(&visitor.site, &view, commit).await?);
    }
    Ok(pages::packet_page::page(&view))
}

/// Which file of a commit is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    path: String,
}

/// Answers a picture of a commit that the newest packet, or a verdict on its ticket, is about.
pub(super) async fn picture(
    State(site): State<Site>,
    _: Who,
    Path((key, gate, commit)): Path<(String, String, String)>,
    Query(Wanted { path }): Query<Wanted>,
) -> Answer<Response> {
    let none = || Problem::not_found(format!("this packet is not about `{commit}`"));
    let key: TicketKey = key.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let ticket = site.control.ticket_doc(&key).await?;
    let newest = site.control.packets(&key, Some(&gate)).await?.pop().ok_or_else(none)?;
    let verdicts = ticket.gates.iter().flat_map(|it| &it.signoffs);
    let mut decided = verdicts.filter_map(|it| it.commit.as_deref());
    let is_its = |it: &str| newest[it].as_str() == Some(&commit);
    if !(is_its("base") || is_its("commit") || decided.any(|it| it == commit)) {
        return Err(none());
    }
    let wanted = Commit::new(&commit);
    let bytes = site.control.file_at(key.project(), &wanted, &path).await?;
    let bytes = bytes.ok_or_else(|| Problem::not_found(format!("no `{path}` is in {commit}")))?;
    super::files::picture(bytes)
        .ok_or_else(|| Problem::not_found(format!("`{path}` is no picture that is shown here")))
}

/// Returns the work since the round in which somebody decided on `commit`.
async fn since(site: &Site, view: &PacketPage, commit: String) -> Answer<Since> {
    let none = || Problem::not_found(format!("nobody decided on `{commit}` in an earlier round"));
    if !view.earlier().iter().any(|it| it.0 == commit) {
        return Err(none());
    }
    let (Some(base), Some(head)) = (&view.packet.base, &view.packet.commit) else {
        return Err(none());
    };
    let key: TicketKey = view.ticket.key.parse().map_err(|_| none())?;
    let [base, old, new] = [base, &commit, head].map(Commit::new);
    let told = site.control.between_rounds(key.project(), &base, &old, &new).await;
    let (commits, patch) = match told {
        Ok(it) => (Ok((it.commits, it.is_cut)), it.patch),
        Err(error) => (Err(error.in_full()), None),
    };
    let patch = patch.map(|it| parse(&String::from_utf8_lossy(&it), it.len() >= CUT_AT));
    Ok(Since { commit, commits, patch })
}

async fn view(
    visitor: &Visitor,
    key: &str,
    gate: &str,
    style: Style,
    is_diff: bool,
) -> Answer<PacketPage> {
    let site = &visitor.site;
    let key: TicketKey = key.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let ticket = site.control.ticket_doc(&key).await?;
    let none =
        || Problem::not_found(format!("{key} has no packet for {} yet", pages::words::gate(gate)));
    let found = ticket.gates.iter().find(|it| it.id == gate).cloned().ok_or_else(none)?;
    let newest = site.control.packets(&key, Some(gate)).await?.pop().ok_or_else(none)?;
    let mut packet: PacketView = serde_json::from_value(newest)
        .map_err(|e| mission_store::Error::Corrupt(format!("the packet cannot be shown: {e}")))?;
    packet.texts = super::ticket::texts(site, &packet).await;
    let sealed_at = sealed_at(site, &key, &packet.digest).await?;
    let patch = patch(site, &key, &packet).await;
    let shell = visitor.shell().await?;
    let since = None;
    Ok(PacketPage { shell, ticket, gate: found, packet, sealed_at, patch, style, is_diff, since })
}

/// Returns when the packet was sealed.
async fn sealed_at(site: &Site, key: &TicketKey, digest: &str) -> Answer<Option<Timestamp>> {
    let ticket = Some(key.clone());
    let filter =
        EventFilter { ticket, newest_first: true, limit: Some(EVENTS), ..EventFilter::default() };
    let events = site.control.store().events(&filter).await?;
    let is_it = |it: &&mission_domain::doc::EventDoc| {
        it.kind == "packet_sealed" && it.body["packet"]["digest"].as_str() == Some(digest)
    };
    Ok(events.iter().find(is_it).map(|it| it.at))
}

/// Returns the change from base to commit, or why it cannot be shown.
async fn patch(site: &Site, key: &TicketKey, packet: &PacketView) -> Option<Result<Patch, String>> {
    let (base, commit) = (packet.base.as_ref()?, packet.commit.as_ref()?);
    let (base, commit) = (Commit::new(base), Commit::new(commit));
    let bytes = match site.control.patch(key.project(), &base, &commit).await {
        Ok(bytes) => bytes,
        Err(error) => return Some(Err(error.in_full())),
    };
    let is_cut = bytes.len() >= CUT_AT;
    Some(Ok(parse(&String::from_utf8_lossy(&bytes), is_cut)))
}
