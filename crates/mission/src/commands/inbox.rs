//! `mission answer`, `say`, `inbox` and `needs-you`: what people and lanes say to each other.

use mission_domain::doc::{MessageDoc, NeedsYouDoc};
use mission_domain::ids::MessageId;
use serde::Deserialize;
use serde_json::json;

use super::ticket::{Messages, change};
use super::{Done, text_or_stdin};
use crate::cli::Key;
use crate::context::Context;
use crate::door::with_query;
use crate::output::fleet;
use crate::output::ticket::message_table;
use crate::project;

/// The answer of `GET /needs-you`.
#[derive(Debug, Deserialize)]
struct NeedsYou {
    items: Vec<NeedsYouDoc>,
}

/// Answers the open question of a ticket.
pub(crate) async fn answer(context: &Context, key: &Key, text: &str) -> Done {
    change(context, key, "answer", json!({"text": text_or_stdin(text)?})).await
}

/// Sends a message to whoever works a ticket.
pub(crate) async fn say(context: &Context, key: &Key, text: &str, to: Option<&str>) -> Done {
    let mut body = json!({"text": text_or_stdin(text)?});
    if let Some(to) = to {
        body["to"] = json!(to);
    }
    let answer = context.door().await?.post(&format!("/tickets/{key}/say"), &body).await?;
    context.show(&answer, |it: &MessageDoc, _| match it.count {
        0 | 1 => format!("{} is {} for {}\n", it.id, it.state, it.to),
        count => format!(
            "{} is {} for {}: the same text was sent {count} times\n",
            it.id, it.state, it.to
        ),
    })
}

/// Takes back a message that a person said and no lane has yet.
pub(crate) async fn withdraw(context: &Context, key: &Key, id: MessageId) -> Done {
    let path = format!("/tickets/{key}/messages/{id}/withdraw");
    let answer = context.door().await?.post(&path, &json!({})).await?;
    context.show(&answer, |it: &MessageDoc, _| {
        format!("{} is {}: no lane is given it from now on\n", it.id, it.state)
    })
}

/// Lists messages with their state.
pub(crate) async fn list(context: &Context, key: Option<&Key>) -> Done {
    let door = context.door().await?;
    let name = key.map(ToString::to_string);
    let project = if key.is_some() { None } else { project::chosen(context, &door).await? };
    let path = with_query("/messages", &[("ticket", name.as_deref())]);
    let answer = door.get(&path).await?.of_project("messages", "/ticket", project.as_deref())?;
    context.show(&answer, |it: &Messages, screen| {
        let all: Vec<_> = it.messages.iter().collect();
        if all.is_empty() {
            "no messages\n".into()
        } else {
            message_table(&all, key.is_none(), screen)
        }
    })
}

/// Lists what waits for a person.
pub(crate) async fn needs_you(context: &Context) -> Done {
    let door = context.door().await?;
    let project = match &context.project {
        Some(_) => project::named_of(context, &project::all(&door).await?)?,
        None => None,
    };
    let answer = door.get("/needs-you").await?;
    let answer = answer.of_project("items", "/ticket/key", project.as_deref())?;
    context.show(&answer, |it: &NeedsYou, screen| fleet::needs_you(&it.items, screen))
}
