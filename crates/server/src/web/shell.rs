//! What stands around every page, and who visits it with which project in view.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use mission_domain::doc::{EventDoc, ProjectDoc};
use mission_domain::ids::{GateId, ProjectKey, TicketKey, Timestamp};
use mission_store::{EventFilter, TicketRow};

use super::read::Rows;
use crate::app::Site;
use crate::auth::{self, Who};
use crate::pages::form;
use crate::pages::view::{CampaignLink, Shell};
use crate::problem::{Answer, Problem};

/// The cookie that remembers the project lists are limited to.
const PROJECT: &str = "mission_project";

/// How long what was done counts as done a moment ago, in seconds.
const MOMENT_S: i64 = 60;

/// So many of a ticket's newest events are looked through for it.
const TOLD: u32 = 20;

/// The campaigns that the navigation shows.
const CAMPAIGNS: usize = 5;

/// Somebody at a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) site: Site,
    pub(crate) who: Who,
    /// The project that lists are limited to.
    pub(crate) project: Option<ProjectKey>,
    /// The ticket that the person acted on a moment ago.
    did: Option<TicketKey>,
}

impl FromRequestParts<Site> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        Self::of(site, parts).ok_or_else(Problem::not_signed_in)
    }
}

impl Visitor {
    /// Returns who visits: the token's own project, else the asked one, else the remembered one.
    pub(super) fn of(site: &Site, parts: &mut Parts) -> Option<Self> {
        let who = parts.extensions.get::<Who>().cloned()?;
        let asked = in_query(&parts.uri, "project");
        let named = asked.as_deref().or_else(|| auth::cookie(&parts.headers, PROJECT));
        let named = named.and_then(|it| it.parse().ok()).filter(|it| is_known(site, it));
        let project = who.caller.project.clone().or(named);
        let did = in_query(&parts.uri, "did").and_then(|it| it.parse().ok());
        Some(Self { site: site.clone(), who, project, did })
    }

    /// Returns what stands around a page now.
    pub(crate) async fn shell(&self) -> Answer<Shell> {
        let rows = self.site.rows.read(&self.site).await?;
        self.shell_over(&rows).await
    }

    /// Returns how many notices of the project in view wait for a person.
    pub(crate) async fn waiting_notices(&self, rows: &Rows) -> Answer<usize> {
        let asks = rows.notices(&self.site).await?;
        // No event tells of these.
        let stumbling = self.site.control.stumbling();
        Ok(asks
            .iter()
            .chain(&stumbling)
            .filter(|it| self.project.as_ref().is_none_or(|own| own == *it))
            .count())
    }

    /// Returns what stands around a page that shows `rows`.
    pub(crate) async fn shell_over(&self, rows: &Rows) -> Answer<Shell> {
        let now = self.site.control.now();
        let projects = self.projects().await;
        let waiting = self.waiting_notices(rows).await?;
        let toast = self.toast(now).await;
        let can_withdraw = self.can_withdraw(toast.as_ref()).await;
        Ok(Shell {
            person: self.who.name(),
            may: self.who.may(),
            toast,
            can_withdraw,
            problem_notices: self.notices_of(&projects),
            projects,
            current_project: self.project.as_ref().map(ToString::to_string),
            counts: rows.counts(self.project.as_ref(), waiting, now),
            campaigns: campaigns(rows, self.project.as_ref()),
            csrf: self.who.csrf.clone(),
            now,
            seq: rows.seq,
        })
    }

    /// Returns the projects that the visitor may see.
    async fn projects(&self) -> Vec<ProjectDoc> {
        projects(&self.site, &self.who).await
    }

    /// Returns what is wrong in the home now.
    pub(crate) async fn notices(&self) -> Vec<String> {
        self.notices_of(&self.projects().await)
    }

    /// Returns what the person did to a ticket last, where that was a moment ago.
    async fn toast(&self, now: Timestamp) -> Option<EventDoc> {
        let ticket = self.did.clone().filter(|it| self.who.may_see(&it.to_string()));
        ticket.as_ref()?;
        let limit = Some(TOLD);
        let filter = EventFilter { ticket, newest_first: true, limit, ..EventFilter::default() };
        let own = self.who.principal().to_string();
        let is_own =
            |it: &EventDoc| it.principal == own && now.as_second() - it.at.as_second() < MOMENT_S;
        // A page without its toast is whole otherwise.
        let events = self.site.control.store().events(&filter).await.ok()?;
        let mut own = events.into_iter().filter(is_own);
        let newest = own.next()?;
        // Of what one act left it is told what it began with: a denial, and not the message that tells the lane.
        let at = newest.at;
        Some(own.take_while(|it| it.at == at).last().unwrap_or(newest))
    }

    /// Returns whether the verdict that is told can be taken back: not where it lands next either.
    async fn can_withdraw(&self, told: Option<&EventDoc>) -> bool {
        let Some(event) = told.filter(|it| it.kind == "judged") else { return true };
        let key = event.ticket.as_deref().and_then(|it| it.parse().ok());
        let Some(key): Option<TicketKey> = key else { return false };
        let control = &self.site.control;
        let (Ok((ticket, _)), Ok(doc)) =
            (control.ticket(&key).await, control.ticket_doc(&key).await)
        else {
            return false;
        };
        let gates = ticket.withdrawable_by(self.who.principal());
        let is_its = |it: &GateId| event.body["gate"].as_str() == Some(it.as_str());
        gates.iter().any(is_its) && !form::lands_next(&doc)
    }

    fn notices_of(&self, projects: &[ProjectDoc]) -> Vec<String> {
        let named = |it: &ProjectDoc, text: &str| format!("{}: {text}", it.key);
        let mut notices = Vec::new();
        if let Some((why, until)) = self.site.control.home().outage {
            notices.push(format!("Dispatch rests until {until}: {why}"));
        }
        let own = self.who.caller.project.as_ref();
        notices.extend(self.site.control.budget_notices(own));
        for project in projects {
            notices.extend(broken(project));
            notices.extend(project.notice.as_deref().map(|it| named(project, it)));
            if !project.trusted {
                notices.push(named(project, "nobody has agreed to run its commands yet. `mission init` in its repository asks."));
            }
        }
        notices
    }
}

async fn projects(site: &Site, who: &Who) -> Vec<ProjectDoc> {
    let own = who.caller.project.as_ref();
    let is_own = |it: &ProjectDoc| own.is_none_or(|own| it.key == own.as_str());
    site.control.project_docs().await.into_iter().filter(is_own).collect()
}

/// Returns what is wrong with the rules of the projects that somebody may see, a sentence for each.
pub(crate) async fn broken_rules(site: &Site, who: &Who) -> Vec<String> {
    projects(site, who).await.iter().filter_map(broken).collect()
}

fn broken(project: &ProjectDoc) -> Option<String> {
    let problem = project.config_problem.as_deref()?;
    Some(format!("{}: {problem}. The last good rules stay in force.", project.key))
}

fn is_known(site: &Site, key: &ProjectKey) -> bool {
    site.control.home().projects.contains_key(key)
}

/// Returns a value of the address's query.
pub(crate) fn in_query(uri: &Uri, name: &str) -> Option<String> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    query.0.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Returns the cookie that remembers the project named in the address; an empty name forgets it.
pub(super) fn switched(site: &Site, uri: &Uri) -> Option<String> {
    if uri.path() == "/live" {
        return None;
    }
    let asked = in_query(uri, "project")?;
    let known = asked.parse().ok().filter(|it| is_known(site, it));
    let rest = "Path=/; HttpOnly; SameSite=Strict";
    match known {
        Some(key) => Some(format!("{PROJECT}={key}; {rest}; Max-Age=31536000")),
        None if asked.is_empty() => Some(format!("{PROJECT}=; {rest}; Max-Age=0")),
        None => None,
    }
}

/// Returns the open campaigns, the latest changed first.
fn campaigns(rows: &Rows, project: Option<&ProjectKey>) -> Vec<CampaignLink> {
    let mut open: Vec<&TicketRow> =
        rows.of(project).filter(|it| it.kind == "campaign" && it.open).collect();
    open.sort_by_key(|it| std::cmp::Reverse(it.updated_at));
    open.truncate(CAMPAIGNS);
    let link = |row: &TicketRow| {
        let children = || rows.rows.values().filter(|it| it.parent.as_ref() == Some(&row.key));
        let (all, settled) = (children().count(), children().filter(|it| !it.open).count());
        let percent = (settled * 100).checked_div(all).unwrap_or(0);
        let percent = u8::try_from(percent).unwrap_or(100);
        CampaignLink { key: row.key.to_string(), title: row.title.clone(), percent }
    };
    open.into_iter().map(link).collect()
}
