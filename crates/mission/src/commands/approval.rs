//! `mission approval`, `approve` and `deny`: guarded commands that wait for a person.

use mission_domain::doc::ApprovalDoc;
use mission_domain::ids::ApprovalId;
use serde::Deserialize;
use serde_json::json;

use super::Done;
use crate::cli::Key;
use crate::cli::fleet::ApprovalCommand;
use crate::context::{Context, print_text};
use crate::door::with_query;
use crate::output::approval;
use crate::project;

/// The answer of `GET /approvals`.
#[derive(Debug, Deserialize)]
struct Approvals {
    approvals: Vec<ApprovalDoc>,
}

/// Lists guarded commands, or shows one.
pub(crate) async fn run(context: &Context, command: &ApprovalCommand) -> Done {
    match command {
        ApprovalCommand::List { all, ticket } => list(context, *all, ticket.as_ref()).await,
        ApprovalCommand::Show { id } => show(context, *id).await,
    }
}

/// Lists guarded commands: those that wait for a person, or all.
async fn list(context: &Context, all: bool, ticket: Option<&Key>) -> Done {
    let door = context.door().await?;
    let key = ticket.map(ToString::to_string);
    let project = if key.is_some() { None } else { project::chosen(context, &door).await? };
    let state = (!all).then_some("requested");
    let path = with_query("/approvals", &[("ticket", key.as_deref()), ("state", state)]);
    let answer = door.get(&path).await?.of_project("approvals", "/ticket", project.as_deref())?;
    context.show(&answer, |it: &Approvals, screen| approval::list(&it.approvals, screen))
}

/// Shows one with all that a person can look at before they answer.
async fn show(context: &Context, id: ApprovalId) -> Done {
    let door = context.door().await?;
    let answer = door.get(&format!("/approvals/{id}")).await?;
    context.show(&answer, |it: &ApprovalDoc, screen| approval::one(it, screen))?;
    let has_difference = answer.read::<ApprovalDoc>()?.diff.is_some();
    if has_difference && !context.json {
        let text = door.get(&format!("/approvals/{id}/difference")).await?.bytes;
        print_text(&approval::difference(&String::from_utf8_lossy(&text)));
    }
    Ok(())
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
