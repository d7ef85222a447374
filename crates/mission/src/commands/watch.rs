//! `mission watch`: events as lines, until Ctrl-C.

use mission_domain::doc::EventDoc;
use serde::Deserialize;

use super::Done;
use crate::cli::Key;
use crate::context::{Context, note, print};
use crate::door::{Door, SseEvent, with_query};
use crate::failure::Failure;
use crate::output::fleet;
use crate::project;

/// Where a part of the log ends; its events are not read here.
#[derive(Debug, Deserialize)]
struct Page {
    next: u64,
}

/// Prints events as they happen; goes on where it was when the server is started again.
pub(crate) async fn run(context: &Context, ticket: Option<&Key>, after: Option<u64>) -> Done {
    let door = context.door().await?;
    if !door.is_server() {
        let text = "no server is up, so nothing happens that could be watched";
        return Err(Failure::unreachable(text).hint("start it with `mission up`"));
    }
    let project = if ticket.is_some() { None } else { project::chosen(context, &door).await? };
    let name = ticket.map(ToString::to_string);
    let after = match after {
        Some(after) => after,
        None => newest(&door).await?,
    };
    tokio::select! {
        done = follow(context, door, project.as_deref(), name.as_deref(), after) => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Returns the number of the newest event, by reading on until there is no more.
async fn newest(door: &Door) -> Result<u64, Failure> {
    let mut last = 0;
    loop {
        let path = format!("/events?after={last}&limit=10000");
        let next = door.get(&path).await?.read::<Page>()?.next;
        if next <= last {
            return Ok(last);
        }
        last = next;
    }
}

async fn follow(
    context: &Context,
    mut door: Door,
    project: Option<&str>,
    ticket: Option<&str>,
    after: u64,
) -> Done {
    let mut last = Some(after);
    loop {
        let from = last.map(|it| it.to_string());
        let parameters = [("after", from.as_deref()), ("project", project), ("ticket", ticket)];
        let mut events = door.stream(&with_query("/events", &parameters), last).await?;
        let ended = loop {
            match events.next().await {
                Ok(Some(event)) => {
                    last = event.id.or(last);
                    tell(context, &event)?;
                }
                Ok(None) => break None,
                Err(failure) => break Some(failure),
            }
        };
        let why = ended.map_or_else(|| "the server closed the stream".into(), |it| it.text);
        note(&format!("{why}; asking again"));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        door = context.door().await?;
    }
}

/// Prints one event; what is no event document (a page's fragment, a beat) is left out.
fn tell(context: &Context, event: &SseEvent) -> Done {
    let Ok(document) = serde_json::from_str::<EventDoc>(&event.data) else { return Ok(()) };
    if context.json {
        let line = serde_json::to_string(&document);
        let line =
            line.map_err(|e| Failure::unreachable(format!("an event cannot be printed: {e}")))?;
        print(&format!("{line}\n"));
    } else {
        print(&fleet::event(&document, &context.screen));
    }
    Ok(())
}
