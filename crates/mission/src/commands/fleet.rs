//! `mission role`, `lane` and `runtime`.

use mission_domain::doc::{LaneDoc, RuntimeDoc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Done;
use crate::cli::fleet::{LaneCommand, RuntimeCommand};
use crate::context::Context;
use crate::door::{Answer, Door, encoded, with_query};
use crate::failure::Failure;
use crate::output::fleet;
use crate::project;

/// The answer of `GET /lanes`.
#[derive(Debug, Deserialize)]
pub(crate) struct Lanes {
    /// The lanes.
    pub(crate) lanes: Vec<LaneDoc>,
}

/// The answer of `GET /runtimes`.
#[derive(Debug, Deserialize)]
pub(crate) struct Runtimes {
    /// The runtimes.
    pub(crate) runtimes: Vec<RuntimeDoc>,
}

#[derive(Debug, Deserialize)]
struct Roles {
    roles: Vec<Value>,
}

async fn of_project(context: &Context, door: &Door, path: &str) -> Result<Answer, Failure> {
    let project = project::chosen(context, door).await?;
    door.get(&with_query(path, &[("project", project.as_deref())])).await
}

/// Lists roles.
pub(crate) async fn roles(context: &Context) -> Done {
    let door = context.door().await?;
    let answer = of_project(context, &door, "/roles").await?;
    context.show(&answer, |it: &Roles, screen| fleet::roles(&it.roles, screen))
}

/// Lists runtimes, or lets one be tried again.
pub(crate) async fn runtimes(context: &Context, command: RuntimeCommand) -> Done {
    let door = context.door().await?;
    match command {
        RuntimeCommand::List => {
            let answer = of_project(context, &door, "/runtimes").await?;
            context.show(&answer, |it: &Runtimes, screen| fleet::runtimes(&it.runtimes, screen))
        }
        RuntimeCommand::Resume { runtime } => {
            let path = format!("/runtimes/{}/resume", encoded(&runtime));
            let answer = door.post(&path, &json!({})).await?;
            context.done(&answer, || format!("the next ticket tries {runtime} again"))
        }
    }
}

/// Lists lanes, or pauses or resumes one.
pub(crate) async fn lanes(context: &Context, command: LaneCommand) -> Done {
    let door = context.door().await?;
    match command {
        LaneCommand::List => {
            let answer = of_project(context, &door, "/lanes").await?;
            context.show(&answer, |it: &Lanes, screen| fleet::lanes(&it.lanes, screen))
        }
        LaneCommand::Pause { role } => switch(context, &door, &role, "pause").await,
        LaneCommand::Resume { role } => switch(context, &door, &role, "resume").await,
    }
}

async fn switch(context: &Context, door: &Door, role: &str, verb: &str) -> Done {
    let body = match project::chosen(context, door).await? {
        Some(project) => json!({"project": project}),
        None => json!({}),
    };
    let answer = door.post(&format!("/lanes/{}/{verb}", encoded(role)), &body).await?;
    context.done(&answer, || match verb {
        "pause" => format!("{role} is paused: what runs goes on, nothing new starts. `mission lane resume {role}` takes it up again"),
        _ => format!("{role} takes work again"),
    })
}
