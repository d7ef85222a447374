//! Attempts: what runs and ran, what it printed, and what an external lane or a person reports.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mission_domain::doc::AttemptDoc;
use mission_domain::ids::{AttemptId, TicketKey};
use mission_domain::ticket::{Evidence, NewFinding, Report, VerdictWord};
use mission_store::{ProjectionFilter, ProjectionKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Asked, Given, Named};
use super::messages::About;
use crate::app::Site;
use crate::auth::Who;
use crate::problem::{Answer, Problem};
use crate::web::read;

#[derive(Debug, Deserialize)]
pub(super) struct Claim {
    ticket: TicketKey,
}

#[derive(Debug, Deserialize)]
pub(super) struct From {
    #[serde(default)]
    offset: u64,
}

/// A report as it is sent.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Said {
    #[serde(alias = "review")]
    Done {
        #[serde(default, alias = "text")]
        summary: String,
    },
    Question {
        #[serde(alias = "summary")]
        text: String,
    },
    Verdict {
        verdict: VerdictWord,
        #[serde(default, alias = "text", alias = "summary")]
        reason: String,
        #[serde(default)]
        findings: Vec<NewFinding>,
    },
}

impl std::convert::From<Said> for Report {
    fn from(said: Said) -> Self {
        match said {
            Said::Done { summary } => Self::Done { summary },
            Said::Question { text } => Self::Question { text },
            Said::Verdict { verdict, reason, findings } => {
                Self::Verdict { verdict, reason, findings }
            }
        }
    }
}

pub(super) async fn list(
    State(site): State<Site>,
    who: Who,
    Asked(About { ticket }): Asked<About>,
) -> Answer<Json<Value>> {
    let filter = ProjectionFilter { ticket, ..ProjectionFilter::of(ProjectionKind::Attempt) };
    let attempts: Vec<AttemptDoc> = read::projections(&site, &filter).await?;
    let attempts: Vec<_> = attempts.into_iter().filter(|it| who.may_see(&it.ticket)).collect();
    Ok(Json(json!({ "attempts": attempts, "next": null })))
}

pub(super) async fn claim(
    State(site): State<Site>,
    who: Who,
    Given(Claim { ticket }): Given<Claim>,
) -> Answer<(StatusCode, Json<AttemptDoc>)> {
    who.narrow(Some(ticket.project().clone()))?;
    let attempt = site.control.claim_external(&ticket, who.principal()).await?;
    Ok((StatusCode::CREATED, Json(attempt)))
}

pub(super) async fn show(
    State(site): State<Site>,
    _: Who,
    Named(id): Named<AttemptId>,
) -> Answer<Json<AttemptDoc>> {
    let found: Option<AttemptDoc> = read::attempt(&site, id).await?;
    found.map(Json).ok_or_else(|| Problem::not_found(format!("there is no attempt `{id}`")))
}

pub(super) async fn brief(
    State(site): State<Site>,
    _: Who,
    Named(id): Named<AttemptId>,
) -> Answer<impl IntoResponse> {
    let brief = site.control.attempt_brief(id).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], brief))
}

pub(super) async fn log(
    State(site): State<Site>,
    _: Who,
    Named(id): Named<AttemptId>,
    Asked(From { offset }): Asked<From>,
) -> Answer<impl IntoResponse> {
    let (bytes, next) = site.control.attempt_log(id, offset).await?;
    let kind = (header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8".to_owned());
    Ok(([kind, ("x-next-offset", next.to_string())], bytes))
}

pub(super) async fn stop(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<AttemptId>,
) -> Answer<Json<AttemptDoc>> {
    Ok(Json(site.control.stop_attempt(id, who.principal()).await?))
}

pub(super) async fn interrupt(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<AttemptId>,
) -> Answer<Json<AttemptDoc>> {
    Ok(Json(site.control.interrupt_attempt(id, who.principal()).await?))
}

pub(super) async fn report(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<AttemptId>,
    Given(said): Given<Said>,
) -> Answer<Json<AttemptDoc>> {
    Ok(Json(site.control.report(id, said.into(), who.principal()).await?))
}

pub(super) async fn evidence(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<AttemptId>,
    Given(evidence): Given<Evidence>,
) -> Answer<Json<AttemptDoc>> {
    Ok(Json(site.control.evidence(id, evidence, who.principal()).await?))
}
