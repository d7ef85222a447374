//! `mission approval`, `approve` and `deny`: guarded commands that wait for a person.

use mission_domain::doc::ApprovalDoc;
use mission_domain::ids::ApprovalId;
use serde::Deserialize;
use serde_json::json;

use super::Done;
use crate::cli::fleet::ApprovalCommand;
use crate::context::Context;
use crate::door::with_query;
use crate::output::approval;
use crate::project;

/// The answer of `GET /approvals`.
#[derive(Debug, Deserialize)]
struct Approvals {
    approvals: Vec<ApprovalDoc>,
}

/// Lists guarded commands: those that wait for a person, or all.
pub(crate) async fn list(context: &Context, command: &ApprovalCommand) -> Done {
    let ApprovalCommand::List { all, ticket } = command;
    let door = context.door().await?;
    let key = ticket.as_ref().map(ToString::to_string);
    let project = if key.is_some() { None } else { project::chosen(context, &door).await? };
    let state = (!all).then_some("requested");
    let path = with_query("/approvals", &[("ticket", key.as_deref()), ("state", state)]);
    let answer = door.get(&path).await?.of_project("approvals", "/ticket", project.as_deref())?;
    context.show(&answer, |it: &Approvals, screen| approval::list(&it.approvals, screen))
}

/// Permits a guarded command, once.
pub(crate) async fn approve(context: &Context, id: ApprovalId) -> Done {
    let path = format!("/approvals/{id}/approve");
    let answer = context.door().await?.post(&path, &json!({})).await?;
    context.show(&answer, |it: &ApprovalDoc, screen| approval::one(it, screen))
}

/// Refuses a guarded command; the lane is told why.
pub(crate) async fn deny(context: &Context, id: ApprovalId, reason: &str) -> Done {
    let path = format!("/approvals/{id}/deny");
    let body = json!({ "reason": super::text_or_stdin(reason)? });
    let answer = context.door().await?.post(&path, &body).await?;
    context.show(&answer, |it: &ApprovalDoc, screen| approval::one(it, screen))
}
