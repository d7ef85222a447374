//! Tickets and verdicts.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mission_control::{EditRequest, Error, TicketRequest, VerdictRequest};
use mission_domain::doc::TicketDoc;
use mission_domain::ids::{GateId, ProjectKey, TicketKey};
use mission_domain::ticket::{Command, Rejection};
use mission_store::TicketFilter;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Asked, Given, Named};
use crate::app::Site;
use crate::auth::{self, Who};
use crate::pages::words::STATES;
use crate::problem::{Answer, Problem};

/// What a list of tickets is limited to.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    project: Option<ProjectKey>,
    state: Option<String>,
    role: Option<String>,
    campaign: Option<TicketKey>,
    fields: Option<String>,
}

/// A reason alone.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    reason: String,
}

/// A text alone.
#[derive(Debug, Deserialize)]
pub(super) struct Text {
    text: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Park {
    #[serde(default)]
    tree: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct By {
    by: Vec<TicketKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GateName {
    gate: Option<String>,
}

pub(super) async fn list(
    State(site): State<Site>,
    who: Who,
    Asked(list): Asked<List>,
) -> Answer<Response> {
    let states = list.state.unwrap_or_default();
    let states: Vec<&str> = states.split(',').filter(|it| !it.is_empty()).collect();
    if let Some(unknown) = states.iter().find(|it| !STATES.contains(it)) {
        let detail =
            format!("`{unknown}` is no state of a ticket; there are {}", STATES.join(", "));
        return Err(Problem::bad(detail));
    }
    let filter = TicketFilter {
        project: who.narrow(list.project)?,
        states: states.into_iter().map(str::to_owned).collect(),
        role: list.role,
        parent: list.campaign,
        ..TicketFilter::default()
    };
    if list.fields.as_deref() == Some("row") {
        return Ok(listed(&worded(&site.control.store().rows(&filter).await?)));
    }
    let views = site.control.store().views(&filter).await?.join(",");
    Ok(listed(&format!("[{views}]")))
}

/// Answers with a list. The store keeps documents as JSON: they are passed on as they are.
fn listed(tickets: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, format!("{{\"tickets\":{tickets},\"next\":null}}")).into_response()
}

/// Returns the rows that the store keeps with their priority as a word.
fn worded(rows: &str) -> String {
    // Quotes within a text are escaped: this is only ever the name of the field.
    const FIELD: &str = ",\"priority\":";
    let mut worded = String::with_capacity(rows.len() + rows.len() / 32);
    let mut rest = rows;
    while let Some((before, after)) = rest.split_once(FIELD) {
        worded.push_str(before);
        worded.push_str(FIELD);
        let number = after.split([',', '}']).next().unwrap_or_default();
        let word = match number {
            "0" => "\"urgent\"",
            "1" => "\"high\"",
            "2" => "\"medium\"",
            "3" => "\"low\"",
            other => other,
        };
        worded.push_str(word);
        rest = after.get(number.len()..).unwrap_or_default();
    }
    worded.push_str(rest);
    worded
}

pub(super) async fn open(
    State(site): State<Site>,
    who: Who,
    Given(mut request): Given<TicketRequest>,
) -> Answer<(StatusCode, Json<TicketDoc>)> {
    let channel = request.channel.take();
    let channel = channel.as_deref().unwrap_or("api");
    if !["cli", "page", "api"].contains(&channel) {
        return Err(Problem::senseless("bad_request", "`channel` is `cli`, `page` or `api`"));
    }
    who.narrow_request(&mut request)?;
    let ticket = site.control.open_ticket(request, who.principal(), channel).await?;
    Ok((StatusCode::CREATED, Json(ticket)))
}

pub(super) async fn show(
    State(site): State<Site>,
    _: Who,
    Named(key): Named<TicketKey>,
) -> Answer<Json<TicketDoc>> {
    Ok(Json(site.control.ticket_doc(&key).await?))
}

pub(super) async fn edit(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(request): Given<EditRequest>,
) -> Answer<Json<TicketDoc>> {
    who.narrow_keys(request.add_blockers.iter().chain(&request.remove_blockers))?;
    Ok(Json(site.control.edit(&key, request, who.principal()).await?))
}

pub(super) async fn park(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(park): Given<Park>,
) -> Answer<Json<TicketDoc>> {
    Ok(Json(site.control.park(&key, park.tree, who.principal()).await?))
}

/// Carries out `command` and returns the ticket as it is then.
pub(crate) async fn run(
    site: &Site,
    who: &Who,
    key: &TicketKey,
    command: Command,
) -> Answer<Json<TicketDoc>> {
    site.control.execute(key, command, who.principal()).await?;
    Ok(Json(site.control.ticket_doc(key).await?))
}

pub(super) async fn unpark(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
) -> Answer<Json<TicketDoc>> {
    run(&site, &who, &key, Command::Unpark).await
}

pub(super) async fn cancel(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(Reason { reason }): Given<Reason>,
) -> Answer<Json<TicketDoc>> {
    run(&site, &who, &key, Command::Cancel { reason }).await
}

pub(super) async fn supersede(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(By { by }): Given<By>,
) -> Answer<Json<TicketDoc>> {
    who.narrow_keys(&by)?;
    Ok(Json(site.control.supersede(&key, by, who.principal()).await?))
}

pub(super) async fn retry(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(Reason { reason }): Given<Reason>,
) -> Answer<Json<TicketDoc>> {
    run(&site, &who, &key, Command::Retry { reason }).await
}

pub(super) async fn reopen(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
) -> Answer<Json<TicketDoc>> {
    Ok(Json(site.control.reopen(&key, who.principal()).await?))
}

pub(super) async fn comment(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(Text { text }): Given<Text>,
) -> Answer<Json<TicketDoc>> {
    run(&site, &who, &key, Command::Comment { text }).await
}

pub(super) async fn why(
    State(site): State<Site>,
    _: Who,
    Named(key): Named<TicketKey>,
) -> Answer<Json<mission_control::WhyDoc>> {
    Ok(Json(site.control.why(&key).await?))
}

pub(super) async fn verdict(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(request): Given<VerdictRequest>,
) -> Answer<Json<TicketDoc>> {
    Ok(Json(site.control.judge(&key, request, who.principal()).await?))
}

pub(super) async fn withdraw(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(GateName { gate }): Given<GateName>,
) -> Answer<Json<TicketDoc>> {
    run(&site, &who, &key, Command::Withdraw { gate: gate.map(GateId::new) }).await
}

pub(super) async fn packets(
    State(site): State<Site>,
    _: Who,
    Named(key): Named<TicketKey>,
    Asked(GateName { gate }): Asked<GateName>,
) -> Answer<Json<Value>> {
    let (ticket, _) = site.control.ticket(&key).await?;
    // No packet yet, and no such gate, are two answers.
    if let Some(gate) = gate.as_deref().map(GateId::new).filter(|it| ticket.gate(it).is_none()) {
        return Err(Error::from(Rejection::UnknownGate(gate)).into());
    }
    let packets = site.control.packets(&key, gate.as_deref()).await?;
    Ok(Json(json!({ "packets": packets })))
}

#[derive(Debug, Deserialize)]
pub(super) struct PacketsOf {
    project: Option<ProjectKey>,
    ticket: Option<TicketKey>,
    gate: Option<String>,
}

pub(super) async fn all_packets(
    State(site): State<Site>,
    who: Who,
    Asked(PacketsOf { project, ticket, gate }): Asked<PacketsOf>,
) -> Answer<Json<Value>> {
    let keys = auth::own_ticket(&site, &who, ticket).await?.into_iter().collect();
    let filter = TicketFilter { project: who.narrow(project)?, keys, ..TicketFilter::default() };
    let mut packets = Vec::new();
    for ticket in site.control.ticket_docs(&filter).await? {
        let Ok(key) = ticket.key.parse() else { continue };
        packets.extend(site.control.packets(&key, gate.as_deref()).await?);
    }
    Ok(Json(json!({ "packets": packets, "next": null })))
}

pub(super) async fn envelopes(
    State(site): State<Site>,
    _: Who,
    Named(key): Named<TicketKey>,
    Asked(GateName { gate }): Asked<GateName>,
) -> Answer<Json<Value>> {
    let envelopes = site.control.envelopes(&key, gate.as_deref()).await?;
    Ok(Json(json!({ "envelopes": envelopes })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_becomes_a_word_and_a_text_that_looks_like_one_stays() {
        let title = r#"say ,"priority":2, to them"#;
        let row = json!({ "a": 1, "title": title, "priority": 3, "z": { "b": 1, "priority": 9 } });
        let row: Value = serde_json::from_str(&worded(&row.to_string())).expect("still JSON");
        assert_eq!((&row["priority"], &row["title"]), (&json!("low"), &json!(title)));
        assert_eq!(row["z"]["priority"], 9);
        assert_eq!(worded("[]"), "[]");
    }
}
