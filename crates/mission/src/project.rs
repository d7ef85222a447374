//! Which project is meant: the one that is named, the repository you stand in, or the only one of the home.

use mission_domain::doc::ProjectDoc;
use serde::Deserialize;

use crate::context::Context;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::repository;

/// The answer of `GET /projects`.
#[derive(Debug, Deserialize)]
pub(crate) struct Projects {
    /// All projects of the home.
    pub(crate) projects: Vec<ProjectDoc>,
}

/// Returns all projects of the home.
pub(crate) async fn all(door: &Door) -> Result<Vec<ProjectDoc>, Failure> {
    Ok(door.get("/projects").await?.read::<Projects>()?.projects)
}

/// Returns the project that `--project` names, which has to be one of `projects`; none where none is named.
pub(crate) fn named_of(
    context: &Context,
    projects: &[ProjectDoc],
) -> Result<Option<String>, Failure> {
    let named = context.project.as_ref().map(|it| it.to_ascii_uppercase());
    match named {
        Some(named) if projects.iter().all(|it| it.key != named) => {
            let known: Vec<_> = projects.iter().map(|it| format!("`{}`", it.key)).collect();
            let known = if known.is_empty() { "none yet".into() } else { known.join(", ") };
            let text = format!("there is no project `{named}`; this home has {known}");
            Err(Failure::new(Exit::No, "not_found", text)
                .hint("name one of them with `--project`, or leave it out to see all"))
        }
        named => Ok(named),
    }
}

/// Returns the project that a list is about; none means all of the home.
pub(crate) async fn chosen(context: &Context, door: &Door) -> Result<Option<String>, Failure> {
    if let (None, Some(named)) = (&context.project, named(context)) {
        return Ok(Some(named));
    }
    let projects = all(door).await?;
    if let Some(named) = named_of(context, &projects)? {
        return Ok(Some(named));
    }
    Ok(here(&projects).or_else(|| only(&projects)))
}

/// Returns the project that a command needs.
pub(crate) async fn required(context: &Context, door: &Door) -> Result<String, Failure> {
    if let Some(named) = named(context) {
        return Ok(named);
    }
    let projects = door.get("/projects").await?.read::<Projects>()?.projects;
    here(&projects).or_else(|| only(&projects)).ok_or_else(|| which(&projects))
}

/// Returns what `--project` names, else the project of the lane's own ticket.
fn named(context: &Context) -> Option<String> {
    let of_ticket = || {
        let ticket = std::env::var("MISSION_TICKET").ok()?;
        ticket.rsplit_once('-').map(|it| it.0.to_owned())
    };
    let in_lane = || context.lane.as_ref().and_then(|_| of_ticket());
    context.project.as_ref().map(|it| it.to_ascii_uppercase()).or_else(in_lane)
}

/// Returns the project whose repository this is.
fn here(projects: &[ProjectDoc]) -> Option<String> {
    let root = repository::around(&std::env::current_dir().ok()?)?.root;
    let is_here = |it: &&ProjectDoc| {
        let path = std::path::Path::new(&it.path);
        path == root || path.canonicalize().is_ok_and(|it| it == root)
    };
    projects.iter().find(is_here).map(|it| it.key.clone())
}

fn only(projects: &[ProjectDoc]) -> Option<String> {
    match projects {
        [only] => Some(only.key.clone()),
        _ => None,
    }
}

fn which(projects: &[ProjectDoc]) -> Failure {
    if projects.is_empty() {
        return Failure::usage("this home has no project yet")
            .hint("go to a repository and register it with `mission init`");
    }
    let lines: Vec<_> = projects.iter().map(|it| format!("{}  {}", it.key, it.path)).collect();
    let text = format!("this home has {} projects, and you stand in none of them", projects.len());
    Failure::usage(text)
        .hint(format!("name one with `--project KEY`:\n    {}", lines.join("\n    ")))
}
