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

/// Prints a journal as it is, or with `--json` as one object a line for each piece; with `follow` until the attempt has ended
/// and all of it was printed.
async fn logs(context: &Context, id: AttemptId, follow: bool) -> Done {
    let door = context.door().await?;
    let (mut offset, mut held) = (0, Vec::new());
    loop {
        // Asked in any case: an attempt that there never was has no log either.
        let has_ended = ended(&door, id).await? || !follow;
        loop {
            let part = door.get(&format!("/attempts/{id}/log?offset={offset}")).await?;
            let mut bytes = part.bytes;
            if bytes.is_empty() {
                break;
            }
            offset = part.next_offset.unwrap_or(offset + bytes.len() as u64);
            if context.json {
                held.extend_from_slice(&bytes);
                let rest = held.split_off(whole_characters(&held));
                let next = offset - rest.len() as u64;
                bytes = piece(id, &std::mem::replace(&mut held, rest), next).into();
            }
            if !printed(&bytes) {
                return Ok(());
            }
        }
        if has_ended {
            printed(&piece(id, &held, offset));
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Writes `bytes` to standard output; returns whether somebody reads there.
fn printed(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Returns `bytes`, which end at `next` of a journal, as a line of JSON; nothing where there are none.
fn piece(id: AttemptId, bytes: &[u8], next: u64) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let (text, offset) = (String::from_utf8_lossy(bytes), next - bytes.len() as u64);
    let piece =
        json!({ "attempt": id.to_string(), "offset": offset, "next_offset": next, "text": text });
    format!("{piece}\n").into_bytes()
}

/// Returns how many of `bytes` come before a character whose end may still be missing.
fn whole_characters(bytes: &[u8]) -> usize {
    bytes.utf8_chunks().last().map_or(0, |it| bytes.len() - it.invalid().len())
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

#[cfg(test)]
mod tests {
    use super::whole_characters;

    #[test]
    fn a_character_that_a_piece_cuts_waits_for_the_next() {
        assert_eq!(whole_characters("café".as_bytes()), 5);
        assert_eq!(whole_characters(b"caf\xc3"), 3);
        assert_eq!(whole_characters(b"caf\xff e"), 6);
        assert_eq!(whole_characters(b""), 0);
    }
}
