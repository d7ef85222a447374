//! `mission project …`: the repositories of this home.

use std::path::Path;

use super::Done;
use super::init;
use crate::cli::fleet::ProjectCommand;
use crate::context::Context;
use crate::door::encoded;
use crate::output::fleet;
use crate::project::Projects;

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: ProjectCommand) -> Done {
    match command {
        ProjectCommand::List => {
            let answer = context.door().await?.get("/projects").await?;
            context.show(&answer, |it: &Projects, screen| fleet::projects(&it.projects, screen))
        }
        ProjectCommand::Add { path, yes } => add(context, &path, yes).await,
        ProjectCommand::Remove { key } => {
            let key = key.to_ascii_uppercase();
            let answer =
                context.door().await?.delete(&format!("/projects/{}", encoded(&key))).await?;
            context.say(&answer.value()?, || {
                format!("{key} is no project of this home any more; its repository is as it was")
            });
            Ok(())
        }
    }
}

/// Registers the repository at `path`; no file of it is written.
async fn add(context: &Context, path: &Path, yes: bool) -> Done {
    let repository = crate::repository::to_register(path)?;
    init::register(context, &repository, yes).await
}
