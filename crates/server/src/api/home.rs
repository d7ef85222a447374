//! What is about the whole home: what waits for a person, the operator's acts, working copies.

use axum::Json;
use axum::extract::State;
use mission_control::DigestDoc;
use mission_domain::doc::OperatorActDoc;
use mission_domain::ids::{OperatorActId, ProjectKey, TicketKey, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Asked, Given, Named};
use crate::app::Site;
use crate::auth::Who;
use crate::problem::{Answer, Problem};

#[derive(Debug, Deserialize)]
pub(super) struct DryRun {
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn needs_you(State(site): State<Site>, who: Who) -> Answer<Json<Value>> {
    let items = site.control.needs_you().await?.into_iter();
    let items: Vec<_> = items.filter(|it| who.may_see(&it.ticket.key)).collect();
    Ok(Json(json!({ "items": items })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Since {
    since: Option<String>,
    project: Option<ProjectKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Until {
    until: Timestamp,
    project: Option<ProjectKey>,
}

/// How far back a digest goes when nobody says, in hours.
const DIGEST_HOURS: i64 = 24;

pub(super) async fn digest(
    State(site): State<Site>,
    who: Who,
    Asked(Since { since, project }): Asked<Since>,
) -> Answer<Json<DigestDoc>> {
    let a_day = jiff::SignedDuration::from_hours(DIGEST_HOURS);
    let project = who.narrow(project)?;
    let since = match since.as_deref() {
        None => None,
        Some("seen") => site.control.seen_until(who.principal(), project.as_ref()),
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::bad(format!("`{text}` is no moment like `2026-07-14T12:00:00Z`, nor `seen`"))
        })?),
    };
    let since = since.unwrap_or_else(|| site.control.now() - a_day);
    Ok(Json(site.control.digest(since, project).await?))
}

pub(super) async fn seen(
    State(site): State<Site>,
    who: Who,
    Given(Until { until, project }): Given<Until>,
) -> Answer<Json<Value>> {
    let project = who.narrow(project)?;
    site.control.mark_seen(who.principal(), project.clone(), until).await?;
    let seen = site.control.seen_until(who.principal(), project.as_ref());
    Ok(Json(json!({ "seen": seen })))
}

pub(super) async fn operator_log(State(site): State<Site>, who: Who) -> Answer<Json<Value>> {
    let acts = site.control.operator_log().await?.into_iter();
    let shown = |it: &OperatorActDoc| {
        who.caller.project.is_none() || it.ticket.as_deref().is_some_and(|it| who.may_see(it))
    };
    Ok(Json(json!({ "acts": acts.filter(shown).collect::<Vec<_>>() })))
}

pub(super) async fn sweep(
    State(site): State<Site>,
    _: Who,
    Given(DryRun { dry_run }): Given<DryRun>,
) -> Answer<Json<Value>> {
    let corrections = site.control.sweep(dry_run).await?;
    Ok(Json(json!({ "corrections": corrections })))
}

pub(super) async fn undo(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<OperatorActId>,
) -> Answer<Json<OperatorActDoc>> {
    Ok(Json(site.control.undo(id, who.principal()).await?))
}

pub(super) async fn workspaces(State(site): State<Site>, who: Who) -> Answer<Json<Value>> {
    let all = serde_json::to_value(site.control.workspaces().await?).unwrap_or_default();
    let mut all = all.as_array().cloned().unwrap_or_default();
    all.retain(|it| it["ticket"].as_str().is_some_and(|key| who.may_see(key)));
    Ok(Json(json!({ "workspaces": all })))
}

pub(super) async fn clean(
    State(site): State<Site>,
    _: Who,
    Given(DryRun { dry_run }): Given<DryRun>,
) -> Answer<Json<Value>> {
    let workspaces = site.control.clean_workspaces(dry_run).await?;
    Ok(Json(json!({ "workspaces": workspaces })))
}

pub(super) async fn restore(
    State(site): State<Site>,
    _: Who,
    Named(key): Named<TicketKey>,
) -> Answer<Json<mission_control::WorkspaceEntry>> {
    Ok(Json(site.control.restore_workspace(&key).await?))
}
