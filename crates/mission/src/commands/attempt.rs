//! `mission attempt …`: single runs of agents.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use mission_domain::doc::AttemptDoc;
use mission_domain::ids::AttemptId;
use serde_json::json;

use super::ticket::Attempts;
use super::{Done, attach};
use crate::cli::Key;
use crate::cli::fleet::AttemptCommand;
use crate::context::{Context, note};
use crate::door::{Door, with_query};
use crate::failure::Failure;
use crate::output::attempt;
use crate::project;

/// How often a journal that is followed is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(400);

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: AttemptCommand) -> Done {
    match command {
        AttemptCommand::List { key } => list(context, key.as_ref()).await,
        AttemptCommand::Show { id } => {
            let answer = context.door().await?.get(&format!("/attempts/{id}")).await?;
            context.show(&answer, attempt::show)
        }
        AttemptCommand::Attach { id, read_only } => attach::run(context, id, read_only).await,
        AttemptCommand::Recording { id, out } => recording(context, id, out.as_deref()).await,
        AttemptCommand::Logs { id, follow } => logs(context, id, follow).await,
        AttemptCommand::Interrupt { id } => {
            let answer = context
                .door()
                .await?
                .post(&format!("/attempts/{id}/interrupt"), &json!({}))
                .await?;
            context.done(&answer, || {
                format!("the turn of {id} is being interrupted; say what to do with `mission say`")
            })
        }
        AttemptCommand::Stop { id } => {
            let answer =
                context.door().await?.post(&format!("/attempts/{id}/stop"), &json!({})).await?;
            context.done(&answer, || format!("{id} is being stopped; its work is kept"))
        }
    }
}

async fn list(context: &Context, key: Option<&Key>) -> Done {
    let door = context.door().await?;
    let name = key.map(ToString::to_string);
    let project = if key.is_some() { None } else { project::chosen(context, &door).await? };
    let path = with_query("/attempts", &[("ticket", name.as_deref())]);
    let answer = door.get(&path).await?.of_project("attempts", "/ticket", project.as_deref())?;
    context.show(&answer, |it: &Attempts, screen| {
        let mut newest: Vec<_> = it.attempts.iter().collect();
        newest.sort_by_key(|it| std::cmp::Reverse(it.started_at));
        if newest.is_empty() {
            "no attempts\n".into()
        } else {
            attempt::table(&newest, key.is_none(), screen)
        }
    })
}

/// Prints a journal as it is; with `follow` until the attempt has ended and all of it was printed.
async fn logs(context: &Context, id: AttemptId, follow: bool) -> Done {
    let door = context.door().await?;
    let mut offset = 0;
    loop {
        // Asked in any case: an attempt that there never was has no log either.
        let has_ended = ended(&door, id).await? || !follow;
        loop {
            let part = door.get(&format!("/attempts/{id}/log?offset={offset}")).await?;
            let bytes = part.bytes;
            if bytes.is_empty() {
                break;
            }
            offset = part.next_offset.unwrap_or(offset + bytes.len() as u64);
            let mut out = std::io::stdout().lock();
            if out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
                return Ok(());
            }
        }
        if has_ended {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Writes a recording to `out`, or to standard output.
async fn recording(context: &Context, id: AttemptId, out: Option<&Path>) -> Done {
    let answer = context.door().await?.get(&format!("/attempts/{id}/recording")).await?;
    let Some(path) = out else {
        let mut out = std::io::stdout().lock();
        // Whoever reads has gone: so does this.
        return out
            .write_all(&answer.bytes)
            .and_then(|()| out.flush())
            .map_err(|_| Failure::printed_no());
    };
    std::fs::write(path, &answer.bytes).map_err(|e| Failure::file(path, &e))?;
    note(&format!("{} holds the recording of {id}; `asciinema play` shows it", path.display()));
    Ok(())
}

async fn ended(door: &Door, id: AttemptId) -> Result<bool, Failure> {
    let attempt: AttemptDoc = door.get(&format!("/attempts/{id}")).await?.read()?;
    Ok(attempt.state == "ended")
}
