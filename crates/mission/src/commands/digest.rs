//! `mission digest`: what changed since you last looked, and what waits for you.

use mission_control::DigestDoc;
use serde_json::json;

use super::Done;
use super::ticket::past_moment;
use crate::context::{Context, note};
use crate::door::with_query;
use crate::output::digest;
use crate::project;

/// Prints the digest. Without `since` it begins where this person last looked, here or on the page *Digest*.
pub(crate) async fn run(context: &Context, since: Option<&str>) -> Done {
    let door = context.door().await?;
    let project = project::chosen(context, &door).await?;
    let from = match since {
        Some(text) => past_moment(text, context.screen.now)?.to_string(),
        None => "seen".into(),
    };
    let path =
        with_query("/digest", &[("since", Some(from.as_str())), ("project", project.as_deref())]);
    let answer = door.get(&path).await?;
    context.show(&answer, |it: &DigestDoc, screen| digest::digest(it, screen))?;
    // A lane looks too, and that is no look of the person; nor is one that leaves out what they have not seen.
    if context.lane.is_some() || since.is_some() {
        return Ok(());
    }
    let shown: DigestDoc = answer.read()?;
    let seen = json!({ "until": shown.until, "project": project });
    if let Err(error) = door.post("/digest/seen", &seen).await {
        note(&format!(
            "it is not kept that you looked ({}): the next digest begins where this one began",
            error.text
        ));
    }
    Ok(())
}
