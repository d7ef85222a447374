//! Projects, roles, lanes, runtimes and the rules they come from.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mission_domain::doc::{LaneDoc, ProjectDoc, RuntimeDoc};
use mission_domain::home::HomeCommand;
use mission_domain::ids::{ProjectKey, RoleId, RuntimeId, WorkflowId};
use mission_domain::rules::Workflow;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Asked, Given, Named};
use crate::app::Site;
use crate::auth::Who;
use crate::problem::{Answer, Problem};

/// Which project it is about.
#[derive(Debug, Deserialize)]
pub(super) struct OfProject {
    project: Option<ProjectKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AddProject {
    path: PathBuf,
    #[serde(default)]
    trust: bool,
}

pub(super) async fn projects(State(site): State<Site>, who: Who) -> Answer<Json<Value>> {
    let own = who.narrow(None)?;
    let is_own = |it: &ProjectDoc| own.as_ref().is_none_or(|own| it.key == own.as_str());
    let projects = site.control.project_docs().await.into_iter().filter(is_own);
    Ok(Json(json!({ "projects": projects.collect::<Vec<_>>() })))
}

pub(super) async fn add_project(
    State(site): State<Site>,
    who: Who,
    Given(AddProject { path, trust }): Given<AddProject>,
) -> Answer<(StatusCode, Json<ProjectDoc>)> {
    let project = site.control.add_project(&path, trust, who.principal()).await?;
    let all = site.control.project_docs().await;
    let doc = all.into_iter().find(|it| it.key == project.key.as_str());
    let doc =
        doc.ok_or_else(|| Problem::not_found(format!("there is no project `{}`", project.key)))?;
    Ok((StatusCode::CREATED, Json(doc)))
}

pub(super) async fn remove_project(
    State(site): State<Site>,
    who: Who,
    Named(key): Named<ProjectKey>,
) -> Answer<StatusCode> {
    site.control.execute_home(HomeCommand::RemoveProject { key }, who.principal()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn roles(
    State(site): State<Site>,
    who: Who,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Value>> {
    let roles = site.control.roles(who.narrow(project)?.as_ref()).await?;
    Ok(Json(json!({ "roles": roles })))
}

pub(super) async fn lanes(
    State(site): State<Site>,
    who: Who,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Value>> {
    let lanes = site.control.lanes(who.narrow(project)?.as_ref()).await?;
    Ok(Json(json!({ "lanes": lanes })))
}

pub(super) async fn budgets(
    State(site): State<Site>,
    who: Who,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Value>> {
    let budgets = site.control.budgets(who.narrow(project)?.as_ref()).await?;
    Ok(Json(json!({ "budgets": budgets })))
}

pub(super) async fn schedules(
    State(site): State<Site>,
    who: Who,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Value>> {
    let schedules = site.control.schedules(who.narrow(project)?.as_ref()).await?;
    Ok(Json(json!({ "schedules": schedules })))
}

pub(super) async fn runtimes(
    State(site): State<Site>,
    who: Who,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Value>> {
    let runtimes = site.control.runtimes(who.narrow(project)?.as_ref()).await?;
    Ok(Json(json!({ "runtimes": runtimes })))
}

pub(super) async fn resume_runtime(
    State(site): State<Site>,
    who: Who,
    Named(runtime): Named<String>,
) -> Answer<Json<Value>> {
    let runtimes = close_breaker(&site, &who, &runtime).await?;
    Ok(Json(json!({ "runtimes": runtimes })))
}

/// Closes the breaker of `runtime`, so that the next ticket tries it again, and returns the runtime as each project has it.
pub(crate) async fn close_breaker(
    site: &Site,
    who: &Who,
    runtime: &str,
) -> Answer<Vec<RuntimeDoc>> {
    let named = || async {
        let all = site.control.runtimes(None).await?.into_iter();
        Ok::<Vec<RuntimeDoc>, Problem>(all.filter(|it| it.name == runtime).collect())
    };
    if named().await?.is_empty() {
        return Err(Problem::not_found(format!("there is no runtime `{runtime}`")));
    }
    let command = HomeCommand::CloseBreaker { runtime: RuntimeId::new(runtime) };
    site.control.execute_home(command, who.principal()).await?;
    named().await
}

pub(super) async fn pause(
    State(site): State<Site>,
    who: Who,
    Named(role): Named<String>,
    Given(OfProject { project }): Given<OfProject>,
) -> Answer<Json<LaneDoc>> {
    Ok(Json(switch_lane(&site, &who, role, project, true).await?))
}

pub(super) async fn resume(
    State(site): State<Site>,
    who: Who,
    Named(role): Named<String>,
    Given(OfProject { project }): Given<OfProject>,
) -> Answer<Json<LaneDoc>> {
    Ok(Json(switch_lane(&site, &who, role, project, false).await?))
}

/// Pauses or resumes the lane of `role`, and returns it.
pub(crate) async fn switch_lane(
    site: &Site,
    who: &Who,
    role: String,
    project: Option<ProjectKey>,
    pauses: bool,
) -> Answer<LaneDoc> {
    let project = the_project(site, who, project)?;
    let lanes = site.control.lanes(Some(&project)).await?;
    let unknown = || Problem::not_found(format!("project `{project}` has no lane `{role}`"));
    lanes.iter().find(|it| it.role == role).ok_or_else(unknown)?;
    let (key, lane) = (project.clone(), RoleId::new(&role));
    let command = if pauses {
        HomeCommand::PauseLane { project: key, role: lane }
    } else {
        HomeCommand::ResumeLane { project: key, role: lane }
    };
    site.control.execute_home(command, who.principal()).await?;
    let lanes = site.control.lanes(Some(&project)).await?;
    lanes.into_iter().find(|it| it.role == role).ok_or_else(unknown)
}

/// Returns the named project, or the only one there is.
fn the_project(site: &Site, who: &Who, asked: Option<ProjectKey>) -> Answer<ProjectKey> {
    if let Some(project) = who.narrow(asked)? {
        return Ok(project);
    }
    let home = site.control.home();
    let mut keys = home.projects.into_keys();
    match (keys.next(), keys.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Problem::not_found(
            "this home has no project yet; `mission init` in a repository adds one",
        )),
        (Some(_), Some(_)) => Err(Problem::senseless(
            "project_missing",
            "this home has several projects; name one as `project`",
        )),
    }
}

pub(super) async fn workflow(
    State(site): State<Site>,
    who: Who,
    Named(name): Named<String>,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Workflow>> {
    let project = the_project(&site, &who, project)?;
    let rules = site.control.project(&project).await?.rules.clone();
    let found = rules.workflows.get(&WorkflowId::new(&name)).cloned();
    let names: Vec<&str> = rules.workflows.keys().map(WorkflowId::as_str).collect();
    let unknown =
        || format!("project `{project}` has no workflow `{name}`; there is {}", names.join(", "));
    found.map(Json).ok_or_else(|| Problem::not_found(unknown()))
}

pub(super) async fn check(
    State(site): State<Site>,
    who: Who,
    Asked(OfProject { project }): Asked<OfProject>,
) -> Answer<Json<Value>> {
    let only = who.narrow(project)?;
    let is_asked = |it: &ProjectDoc| only.as_ref().is_none_or(|only| it.key == only.as_str());
    let docs = site.control.project_docs().await.into_iter().filter(is_asked);
    let problem = |it: ProjectDoc| Some(json!({ "project": it.key, "text": it.config_problem? }));
    Ok(Json(json!({ "problems": docs.filter_map(problem).collect::<Vec<_>>() })))
}
