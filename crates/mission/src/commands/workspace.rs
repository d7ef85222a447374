//! `mission workspace …`: the tickets' working copies.

use serde::Deserialize;
use serde_json::json;

use super::Done;
use crate::cli::fleet::WorkspaceCommand;
use crate::context::Context;
use crate::output::fleet::{self, Workspace};

#[derive(Debug, Deserialize)]
struct Workspaces {
    workspaces: Vec<Workspace>,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: WorkspaceCommand) -> Done {
    let door = context.door().await?;
    match command {
        WorkspaceCommand::List => {
            let answer = door.get("/workspaces").await?;
            context
                .show(&answer, |it: &Workspaces, screen| fleet::workspaces(&it.workspaces, screen))
        }
        WorkspaceCommand::Clean { dry_run } => {
            let answer = door.post("/workspaces/clean", &json!({"dry_run": dry_run})).await?;
            context.show(&answer, |it: &Workspaces, screen| {
                let table = fleet::workspaces(&it.workspaces, screen);
                match (it.workspaces.is_empty(), dry_run) {
                    (true, _) => "nothing to clean\n".into(),
                    (false, true) => format!("{table}\nnothing was removed: this was the plan\n"),
                    (false, false) => table,
                }
            })
        }
        WorkspaceCommand::Restore { key } => {
            let answer = door.post(&format!("/workspaces/{key}/restore"), &json!({})).await?;
            let path = answer.value()?.get("path").and_then(|it| it.as_str().map(str::to_owned));
            context.done(&answer, || {
                path.map_or_else(
                    || format!("the workspace of {key} is back"),
                    |it| format!("the workspace of {key} is back: {it}"),
                )
            })
        }
    }
}
