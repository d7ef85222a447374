//! `mission operator …`: corrections by rules.

use mission_domain::doc::OperatorActDoc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Done;
use crate::cli::fleet::OperatorCommand;
use crate::context::Context;
use crate::output::fleet;

#[derive(Debug, Deserialize)]
struct Corrections {
    corrections: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Acts {
    acts: Vec<OperatorActDoc>,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: OperatorCommand) -> Done {
    let door = context.door().await?;
    match command {
        OperatorCommand::Sweep { dry_run } => {
            let answer = door.post("/operator/sweep", &json!({"dry_run": dry_run})).await?;
            context.show(&answer, |it: &Corrections, screen| {
                fleet::corrections(&it.corrections, dry_run, screen)
            })
        }
        OperatorCommand::Log => {
            let answer = door.get("/operator/log").await?;
            context.show(&answer, |it: &Acts, screen| fleet::acts(&it.acts, screen))
        }
        OperatorCommand::Undo { id } => {
            let answer = door.post(&format!("/operator/undo/{id}"), &json!({})).await?;
            context.done(&answer, || format!("{id} is undone"))
        }
    }
}
