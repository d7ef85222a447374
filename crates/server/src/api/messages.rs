//! Messages to whoever works a ticket, and answers to what was asked.

use axum::Json;
use axum::extract::{Path, State};
use mission_domain::doc::{MessageDoc, TicketDoc};
use mission_domain::ids::{MessageId, TicketKey};
use mission_store::{ProjectionFilter, ProjectionKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Asked, Given, Named};
use crate::app::Site;
use crate::auth::{self, Who};
use crate::problem::{Answer, Problem};
use crate::web::read;

/// Which ticket a list is about.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    pub(super) ticket: Option<TicketKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Say {
    text: String,
    to: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Text {
    text: String,
}

pub(super) async fn list(
    State(site): State<Site>,
    who: Who,
    Asked(About { ticket }): Asked<About>,
) -> Answer<Json<Value>> {
    let ticket = auth::own_ticket(&site, &who, ticket).await?;
    let filter = ProjectionFilter { ticket, ..ProjectionFilter::of(ProjectionKind::Message) };
    let messages: Vec<MessageDoc> = read::projections(&site, &filter).await?;
    let messages: Vec<_> = messages.into_iter().filter(|it| who.may_see(&it.ticket)).collect();
    Ok(Json(json!({ "messages": messages, "next": null })))
}

pub(super) async fn say(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(Say { text, to }): Given<Say>,
) -> Answer<Json<MessageDoc>> {
    Ok(Json(site.control.say(&key, text, to, who.principal()).await?))
}

pub(super) async fn withdraw(
    State(site): State<Site>,
    who: Who,
    Path((key, id)): Path<(String, String)>,
) -> Answer<Json<MessageDoc>> {
    let key: TicketKey = key.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let id: MessageId = id.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    Ok(Json(site.control.withdraw_message(&key, id, who.principal()).await?))
}

pub(super) async fn answer(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<TicketKey>,
    Given(Text { text }): Given<Text>,
) -> Answer<Json<TicketDoc>> {
    Ok(Json(site.control.answer(&key, text, who.principal()).await?))
}
