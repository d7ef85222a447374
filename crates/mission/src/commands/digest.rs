//! `mission digest`: what changed since you last looked, and what waits for you.

use std::path::PathBuf;

use mission_control::DigestDoc;
use mission_domain::ids::Timestamp;

use super::Done;
use super::ticket::past_moment;
use crate::context::{Context, note};
use crate::door::with_query;
use crate::output::digest;
use crate::project;

/// How far back the first digest goes, in hours.
const FIRST_HOURS: i64 = 24;

/// Prints the digest. Without `since` it begins where the last one ended, which is noted in this person's home.
pub(crate) async fn run(context: &Context, since: Option<&str>) -> Done {
    let door = context.door().await?;
    let project = project::chosen(context, &door).await?;
    let since = match since {
        Some(text) => past_moment(text, context.screen.now)?,
        None => last_look(context),
    };
    let from = since.to_string();
    let path =
        with_query("/digest", &[("since", Some(from.as_str())), ("project", project.as_deref())]);
    let answer = door.get(&path).await?;
    context.show(&answer, |it: &DigestDoc, screen| digest::digest(it, screen))?;
    remember(context, &answer.read::<DigestDoc>()?);
    Ok(())
}

/// Where it is noted until when this person has looked. A lane looks too, and that is no look of the person.
fn note_file(context: &Context) -> PathBuf {
    context.home.dir().join("looked")
}

fn last_look(context: &Context) -> Timestamp {
    let noted = std::fs::read_to_string(note_file(context)).ok();
    let noted = noted.and_then(|it| it.trim().parse::<Timestamp>().ok());
    noted.unwrap_or_else(|| context.screen.now - jiff::SignedDuration::from_hours(FIRST_HOURS))
}

fn remember(context: &Context, shown: &DigestDoc) {
    if context.lane.is_some() || !context.home.dir().is_dir() {
        return;
    }
    let file = note_file(context);
    if let Err(error) = std::fs::write(&file, format!("{}\n", shown.until)) {
        note(&format!(
            "`{}` cannot be written ({error}): the next digest begins where this one began",
            file.display()
        ));
    }
}
