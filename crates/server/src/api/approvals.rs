//! Guarded commands: what lanes ask for, and a person's answer.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use mission_domain::doc::ApprovalDoc;
use mission_domain::ids::{ApprovalId, TicketKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Asked, Given, Named};
use crate::app::Site;
use crate::auth::Who;
use crate::problem::Answer;

/// Which approvals a list holds.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    ticket: Option<TicketKey>,
    state: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Denial {
    reason: String,
}

pub(super) async fn list(
    State(site): State<Site>,
    who: Who,
    Asked(Which { ticket, state }): Asked<Which>,
) -> Answer<Json<Value>> {
    let mut all = site.control.approvals(ticket).await?;
    all.retain(|it| who.may_see(&it.ticket) && state.as_ref().is_none_or(|s| it.state == *s));
    Ok(Json(json!({ "approvals": all, "next": null })))
}

pub(super) async fn show(
    State(site): State<Site>,
    _: Who,
    Named(id): Named<ApprovalId>,
) -> Answer<Json<ApprovalDoc>> {
    Ok(Json(site.control.approval(id).await?))
}

pub(super) async fn difference(
    State(site): State<Site>,
    _: Who,
    Named(id): Named<ApprovalId>,
) -> Answer<impl IntoResponse> {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, site.control.approval_difference(id).await?))
}

pub(super) async fn approve(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<ApprovalId>,
) -> Answer<Json<ApprovalDoc>> {
    Ok(Json(site.control.approve(id, who.principal()).await?))
}

pub(super) async fn deny(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<ApprovalId>,
    Given(Denial { reason }): Given<Denial>,
) -> Answer<Json<ApprovalDoc>> {
    Ok(Json(site.control.deny(id, reason, who.principal()).await?))
}
