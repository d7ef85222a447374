//! `mission watch` and `top`: the full-screen view on a terminal; else, or where lines are asked for, events as lines, until Ctrl-C.

use mission_domain::doc::EventDoc;
use serde::Deserialize;

use super::Done;
use crate::cli::Key;
use crate::context::{Context, note, print, print_text};
use crate::door::{Door, SseEvent, with_query};
use crate::failure::Failure;
use crate::output::fleet;
use crate::project;
use crate::tui::{self, Place};

/// Where a part of the log ends; its events are not read here.
#[derive(Debug, Deserialize)]
struct Page {
    next: u64,
}

/// Shows the fleet on a full screen.
pub(crate) async fn top(context: &Context) -> Done {
    if context.json || !tui::is_there() {
        let text = "`mission top` needs a terminal, for standard input and output";
        return Err(Failure::usage(text).hint("`mission lane list` and `mission attempt list` print it, `mission watch --json` prints what happens"));
    }
    tui::run(context, Place::Fleet).await
}

/// Shows what waits for a person, or one ticket, on a full screen; prints events where that is not asked for or not possible.
pub(crate) async fn run(
    context: &Context,
    ticket: Option<&Key>,
    after: Option<u64>,
    lines: bool,
) -> Done {
    if lines || context.json || after.is_some() || !tui::is_there() {
        if !lines && !context.json && after.is_none() && tui::is_dumb() {
            note(
                "TERM is `dumb`, which cannot be drawn on: what happens from now on follows as lines",
            );
        }
        return print_events(context, ticket, after).await;
    }
    tui::run(context, ticket.map_or(Place::NeedsYou, |it| Place::Ticket(it.to_string()))).await
}

/// Prints events as they happen; goes on where it was when the server is started again.
async fn print_events(context: &Context, ticket: Option<&Key>, after: Option<u64>) -> Done {
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

/// Returns the number of the newest event.
async fn newest(door: &Door) -> Result<u64, Failure> {
    Ok(door.get("/events?tail=0").await?.read::<Page>()?.next)
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
        print_text(&fleet::event(&document, &context.screen));
    }
    Ok(())
}
