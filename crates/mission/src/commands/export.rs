//! `mission export`: the whole event log as JSON lines, so that any other program can read what happened.

use super::Done;
use crate::context::{Context, print};
use crate::door::with_query;
use crate::failure::Failure;
use crate::project;

/// How many events are asked for at once.
const AT_ONCE: &str = "5000";

/// Prints every event, oldest first, one object a line: of the named project, else of the whole home.
pub(crate) async fn run(context: &Context) -> Done {
    let door = context.door().await?;
    let project = match &context.project {
        Some(_) => project::chosen(context, &door).await?,
        None => None,
    };
    let mut after = 0_u64;
    loop {
        let from = after.to_string();
        let parameters = [
            ("after", Some(from.as_str())),
            ("project", project.as_deref()),
            ("limit", Some(AT_ONCE)),
        ];
        let page = door.get(&with_query("/events", &parameters)).await?.value()?;
        let events = page["events"].as_array();
        let events = events.ok_or_else(|| Failure::unreachable("the answer holds no events"))?;
        let mut lines = String::new();
        for event in events {
            lines += &format!("{event}\n");
        }
        print(&lines);
        match page["next"].as_u64() {
            Some(next) if next > after && !events.is_empty() => after = next,
            Some(_) | None => return Ok(()),
        }
    }
}
