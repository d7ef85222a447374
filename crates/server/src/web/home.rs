//! Fills the views about the home as a whole: *Projects*, *Digest*, *Policy*, *Calibration*, *Settings*.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use mission_control::{Control, DigestDoc, MOST_EVENTS, TokenRole};
use mission_domain::doc::ApprovalDoc;
use mission_domain::ids::{ProjectKey, TicketKey, Timestamp};
use mission_domain::rules::{Decider, Mode, Rules};
use mission_store::{ProjectionFilter, ProjectionKind};
use serde::Deserialize;

use super::board;
use super::forms::Posted;
use super::read;
use super::shell::Visitor;
use crate::auth;
use crate::pages;
use crate::pages::view::{
    CalibrationView, DigestView, PolicyView, ProjectLine, ProjectsView, SettingsPart, SettingsView,
};
use crate::problem::{Answer, Problem};

/// So many of the newest events the numbers beside *Needs you* are made from.
const PANEL_EVENTS: u32 = 500;

/// So many of the newest guarded commands are looked through, and so many of them *Policy* shows.
const LATELY: u32 = 500;
const ASKED: usize = 20;

/// How far back a digest looks where nothing was marked as seen, in seconds.
const DAY_S: i64 = 86_400;

pub(super) async fn projects(visitor: Visitor) -> Answer<Markup> {
    let rows = visitor.site.rows.read(&visitor.site).await?;
    let shell = visitor.shell_over(&rows).await?;
    let person = board::person(&visitor);
    let line = |project: &mission_domain::doc::ProjectDoc| {
        let key: Option<ProjectKey> = project.key.parse().ok();
        let tally = rows.tally(key.as_ref());
        let states = tally.states().map(|(state, n)| (state.to_owned(), n)).collect();
        let waits = rows.of(key.as_ref()).filter(|it| board::is_owed(it, &person)).count();
        let waits = u32::try_from(waits).unwrap_or(u32::MAX);
        ProjectLine { project: project.clone(), states, waits }
    };
    let projects = shell.projects.iter().map(line).collect();
    Ok(pages::projects::page(&ProjectsView { shell, projects }))
}

/// Returns the moment until which the person has seen what changed, else a day ago, and whether they marked it.
fn seen_until(visitor: &Visitor) -> (Timestamp, bool) {
    let control = &visitor.site.control;
    let now = control.now();
    let at = control.seen_until(visitor.who.principal(), visitor.project.as_ref());
    let a_day_ago = Timestamp::from_second(now.as_second() - DAY_S).unwrap_or(now);
    (at.unwrap_or(a_day_ago), at.is_some())
}

/// Returns the numbers of what changed lately, for the side of *Needs you*.
pub(super) async fn lately(visitor: &Visitor) -> Answer<(DigestDoc, bool)> {
    let (since, is_since_seen) = seen_until(visitor);
    let control = &visitor.site.control;
    let digest = control.digest_in_short(since, visitor.project.clone(), PANEL_EVENTS).await?;
    Ok((digest, is_since_seen))
}

/// Which part of a digest is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Leaf {
    from: Option<String>,
}

pub(super) async fn digest(visitor: Visitor, Query(leaf): Query<Leaf>) -> Answer<Markup> {
    let (since, is_since_seen) = seen_until(&visitor);
    let (control, project) = (&visitor.site.control, visitor.project.clone());
    let mut digest = control.digest_in_short(since, project, MOST_EVENTS).await?;
    digest.tickets.sort_by_key(|it| std::cmp::Reverse(it.changes.last().map(|it| it.at)));
    let from = leaf.from.and_then(|it| it.parse().ok()).unwrap_or(0).min(digest.tickets.len());
    let rows = visitor.site.rows.read(&visitor.site).await?;
    let leaf = digest.tickets.iter().skip(from).take(pages::digest::LEAF);
    let leaf: Vec<_> = leaf.filter_map(|it| Some((it.key.parse().ok()?, it))).collect();
    let keys = leaf.iter().map(|(key, _): &(TicketKey, _)| key.clone()).collect();
    let docs = rows.docs(&visitor.site, keys).await?;
    let whole =
        leaf.iter().filter_map(|(key, it)| Some((docs.get(key)?.clone(), it.changes.clone())));
    let shown = whole.collect();
    let shell = visitor.shell_over(&rows).await?;
    Ok(pages::digest::page(&DigestView { shell, digest, shown, from, is_since_seen }))
}

/// Keeps how far the person has seen: until the moment at which their page was made, and in the project that it was about.
pub(super) async fn seen(Posted { visitor, fields }: Posted) -> Answer<Redirect> {
    let unknown = || Problem::bad("the form does not say until when you have seen");
    let until = fields.text("until").parse().map_err(|_| unknown())?;
    let until = Timestamp::from_second(until).map_err(|_| unknown())?;
    let project = fields.given("project").map(|it| it.parse::<ProjectKey>()).transpose();
    let project = visitor.who.narrow(project.map_err(|e| Problem::bad(e.to_string()))?)?;
    visitor.site.control.mark_seen(visitor.who.principal(), project, until).await?;
    Ok(Redirect::to("/digest"))
}

/// Returns the rules in force of the projects in view.
async fn rules(visitor: &Visitor) -> Vec<(String, Arc<Rules>)> {
    let control = &visitor.site.control;
    let own = visitor.project.as_ref();
    let keys = control.home().projects.into_keys().filter(|it| own.is_none_or(|own| own == it));
    let mut all = Vec::new();
    for key in keys {
        // A project whose rules cannot be read is named in a banner above.
        if let Ok(project) = control.project(&key).await {
            all.push((key.to_string(), project.rules.clone()));
        }
    }
    all
}

pub(super) async fn policy(visitor: Visitor) -> Answer<Markup> {
    let (shell, rules) = (visitor.shell().await?, rules(&visitor).await);
    let schedules = visitor.site.control.schedules(visitor.project.as_ref()).await?;
    let lately = ProjectionFilter {
        newest_first: true,
        limit: Some(LATELY),
        ..ProjectionFilter::of(ProjectionKind::Approval)
    };
    let mut approvals: Vec<ApprovalDoc> = read::projections(&visitor.site, &lately).await?;
    let is_here = |key: &TicketKey| visitor.project.as_ref().is_none_or(|it| it == key.project());
    approvals.retain(|it| {
        visitor.who.may_see(&it.ticket) && it.ticket.parse().is_ok_and(|key| is_here(&key))
    });
    approvals.truncate(ASKED);
    Ok(pages::policy::page(&PolicyView { shell, rules, schedules, approvals }))
}

pub(super) async fn calibration(visitor: Visitor) -> Answer<Markup> {
    let (shell, rules) = (visitor.shell().await?, rules(&visitor).await);
    let mut shadows = Vec::new();
    let mut reviewers = Vec::new();
    for (key, rules) in &rules {
        let deciders = rules.workflows.values().flat_map(|it| &it.gates);
        let deciders: Vec<_> = deciders.flat_map(|it| &it.decided_by).collect();
        for role in rules.roles.values() {
            let decides = deciders.contains(&&Decider::Role(role.id.clone()));
            match role.mode {
                Mode::Shadow => shadows.push((key.clone(), role.id.to_string())),
                Mode::Binding if decides => reviewers.push((key.clone(), role.id.to_string())),
                Mode::Binding => {}
            }
        }
    }
    Ok(pages::calibration::page(&CalibrationView { shell, shadows, reviewers }))
}

/// Which part of the settings is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    part: Option<String>,
    q: Option<String>,
}

pub(super) async fn settings(
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Answer<Markup> {
    let part = SettingsPart::read(asked.part.as_deref());
    let mut view = view(&visitor, &headers, part).await?;
    view.words = asked.q.unwrap_or_default();
    Ok(pages::settings::page(&view))
}

async fn view(visitor: &Visitor, headers: &HeaderMap, part: SettingsPart) -> Answer<SettingsView> {
    let control = &visitor.site.control;
    let is_owner = visitor.who.caller.role == TokenRole::Owner;
    let own = visitor.who.principal().to_string();
    let mut sessions = control.sessions().await?;
    sessions.retain(|it| is_owner || it.principal == own);
    let secret = auth::cookie(headers, &auth::session_cookie(&visitor.site));
    let rules = rules(visitor).await;
    let mut settings = Vec::new();
    for (key, _) in &rules {
        let Ok(project) = key.parse::<ProjectKey>() else { continue };
        settings.push((key.clone(), control.settings(&project).await?));
    }
    Ok(SettingsView {
        shell: visitor.shell().await?,
        part,
        is_owner,
        sessions,
        own_session: secret.map(Control::session_id),
        access: if is_owner { control.home().access } else { Vec::new() },
        people: if is_owner { control.people().await? } else { Vec::new() },
        tokens: if is_owner { control.tokens().await? } else { Vec::new() },
        made: None,
        problem: None,
        runtimes: control.runtimes(visitor.project.as_ref()).await?,
        rules,
        settings,
        words: String::new(),
    })
}

/// Shows the people again, with a secret that was made or with what was refused.
async fn told(
    visitor: &Visitor,
    headers: &HeaderMap,
    made: Answer<(String, String)>,
) -> Answer<Response> {
    let mut view = view(visitor, headers, SettingsPart::People).await?;
    let status = match made {
        Ok(made) => {
            view.made = Some(made);
            StatusCode::OK
        }
        Err(problem) if problem.status.is_server_error() => return Err(problem),
        Err(problem) => {
            view.problem = Some(problem.detail);
            problem.status
        }
    };
    Ok((status, pages::settings::page(&view)).into_response())
}

pub(super) async fn invite(
    headers: HeaderMap,
    Posted { visitor, fields }: Posted,
) -> Answer<Response> {
    let name = fields.text("name").trim();
    let caller = &visitor.who.caller;
    let code = visitor.site.control.invite(name, fields.text("role"), caller).await;
    let base = visitor.site.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let link = |code: String| {
        let what = format!("The link for {name}, good for one sign-in within a day.");
        (what, format!("{base}/sign-in?code={code}"))
    };
    told(&visitor, &headers, code.map(link).map_err(Problem::from)).await
}

/// Leads back to the people after one of them was changed, or shows them with what was refused.
async fn changed(
    visitor: &Visitor,
    headers: &HeaderMap,
    done: mission_control::Result<()>,
) -> Answer<Response> {
    match done {
        Ok(()) => {
            visitor.site.ended.send_replace(());
            Ok(Redirect::to("/settings?part=people").into_response())
        }
        Err(problem) => told(visitor, headers, Err(Problem::from(problem))).await,
    }
}

pub(super) async fn change_role(
    Path(name): Path<String>,
    headers: HeaderMap,
    Posted { visitor, fields }: Posted,
) -> Answer<Response> {
    let (control, caller) = (&visitor.site.control, &visitor.who.caller);
    let done = control.change_role(&name, fields.text("role"), caller).await;
    changed(&visitor, &headers, done).await
}

pub(super) async fn remove_person(
    Path(name): Path<String>,
    headers: HeaderMap,
    Posted { visitor, .. }: Posted,
) -> Answer<Response> {
    let done = visitor.site.control.remove_person(&name, &visitor.who.caller).await;
    changed(&visitor, &headers, done).await
}

pub(super) async fn withdraw_invitation(
    Path(name): Path<String>,
    headers: HeaderMap,
    Posted { visitor, .. }: Posted,
) -> Answer<Response> {
    let done = visitor.site.control.withdraw_invitation(&name, &visitor.who.caller).await;
    changed(&visitor, &headers, done).await
}

pub(super) async fn new_token(
    headers: HeaderMap,
    Posted { visitor, fields }: Posted,
) -> Answer<Response> {
    let name = fields.text("name").trim();
    let project = Some(fields.text("project")).filter(|it| !it.is_empty());
    let project = project.map(str::parse::<ProjectKey>).transpose();
    let project = project.map_err(|e| Problem::bad(e.to_string()))?;
    let (control, caller) = (&visitor.site.control, &visitor.who.caller);
    let token = control.new_token(name, fields.text("role"), project, false, caller).await;
    let made = token.map(|it| (format!("The token {name}."), it));
    told(&visitor, &headers, made.map_err(Problem::from)).await
}

pub(super) async fn revoke(
    Path(name): Path<String>,
    Posted { visitor, .. }: Posted,
) -> Answer<Redirect> {
    visitor.site.control.revoke_token(&name, &visitor.who.caller).await?;
    visitor.site.ended.send_replace(());
    Ok(Redirect::to("/settings?part=people"))
}

pub(super) async fn end_session(
    Path(id): Path<String>,
    Posted { visitor, .. }: Posted,
) -> Answer<Redirect> {
    visitor.site.control.end_session(&id, &visitor.who.caller).await?;
    visitor.site.ended.send_replace(());
    Ok(Redirect::to("/settings?part=people"))
}
