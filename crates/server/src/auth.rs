//! Who asks, and what they may do at a door at all. What a command allows is decided by the domain.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use mission_control::{Caller, TicketRequest, TokenRole};
use mission_domain::ids::{ApprovalId, AttemptId, Digest, ProjectKey, TicketKey, Timestamp};
use mission_domain::principal::Principal;
use mission_domain::rules::Driver;
use mission_store::ProjectionKind;
use percent_encoding::percent_decode_str;

use crate::app::Shared;
use crate::pages::view::May;
use crate::problem::{Answer, Problem};

/// The cookie that holds a session's secret.
pub(crate) const SESSION: &str = "mission_session";

/// Wrong codes that one address may send in [`WINDOW_S`] before it is told to wait.
const MOST_FAILURES: usize = 10;

/// How long a wrong code counts, in seconds.
const WINDOW_S: i64 = 60;

/// So many wrong codes are remembered over all addresses, so that many senders fill no memory.
const MOST_KEPT: usize = 10_000;

/// Somebody known, as one request shows them.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) caller: Caller,
    /// What forms must bring along.
    pub(crate) csrf: String,
    /// Whether a browser's cookie brought them in.
    pub(crate) by_cookie: bool,
}

impl Who {
    pub(crate) fn principal(&self) -> &Principal {
        &self.caller.principal
    }

    /// Returns the person's name, or the principal where it is none.
    pub(crate) fn name(&self) -> String {
        match &self.caller.principal {
            Principal::Person(name) => name.clone(),
            other @ (Principal::Scripted
            | Principal::Lane { .. }
            | Principal::Controller
            | Principal::External(_)) => other.to_string(),
        }
    }

    /// Returns what pages offer: no more than [`permit`] lets through.
    pub(crate) fn may(&self) -> May {
        match &self.caller.role {
            TokenRole::Viewer | TokenRole::Attempt(_) => May::Look,
            _ if !self.caller.principal.is_person() => May::Look,
            TokenRole::Operator => May::Act,
            TokenRole::Owner => May::Own,
        }
    }

    /// Returns the project that lists are limited to: the token's own, else the asked one.
    pub(crate) fn narrow(&self, asked: Option<ProjectKey>) -> Answer<Option<ProjectKey>> {
        match (&self.caller.project, asked) {
            (Some(own), Some(asked)) if *own != asked => Err(other_project(own)),
            (Some(own), _) => Ok(Some(own.clone())),
            (None, asked) => Ok(asked),
        }
    }

    /// Limits a new ticket to the token's own project.
    pub(crate) fn narrow_request(&self, request: &mut TicketRequest) -> Answer<()> {
        let asked = request.project.take().filter(|it| !it.is_empty());
        let asked = asked.map(|it| it.parse::<ProjectKey>()).transpose();
        let asked = asked.map_err(|e| Problem::senseless("bad_request", e.to_string()))?;
        request.project = self.narrow(asked)?.map(String::from);
        self.narrow_keys(request.parent.iter().chain(&request.blocked_by))
    }

    /// Refuses a token of one project what names tickets of another: they would be changed, or waited for.
    pub(crate) fn narrow_keys(&self, keys: impl IntoIterator<Item = impl ToString>) -> Answer<()> {
        let is_elsewhere = |own: &ProjectKey| {
            let keys = keys.into_iter().filter_map(|it| it.to_string().trim().parse().ok());
            keys.into_iter().any(|it: TicketKey| it.project() != own)
        };
        match &self.caller.project {
            Some(own) if is_elsewhere(own) => Err(other_project(own)),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns whether something of the ticket `key` may be shown.
    pub(crate) fn may_see(&self, key: &str) -> bool {
        let Some(own) = &self.caller.project else { return true };
        key.parse::<TicketKey>().is_ok_and(|it| it.project() == own)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::not_signed_in)
    }
}

/// Returns who sends `headers`; nothing where no valid token or session came along.
pub(crate) async fn identify(site: &Shared, headers: &HeaderMap) -> Answer<Option<Who>> {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let token = given.to_str().ok().and_then(|it| it.split_once(' '));
        let Some((scheme, token)) = token else { return Ok(None) };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        let caller = site.control.authenticate(token.trim()).await?;
        let csrf = csrf_of(token.trim());
        return Ok(caller.map(|caller| Who { caller, csrf, by_cookie: false }));
    }
    let Some(secret) = cookie(headers, &session_cookie(site)) else { return Ok(None) };
    let caller = site.control.session(secret).await?;
    let csrf = csrf_of(secret);
    Ok(caller.map(|caller| Who { caller, csrf, by_cookie: true }))
}

/// Returns the name of this server's session cookie: browsers tell cookies apart by host and not by port.
pub(crate) fn session_cookie(site: &Shared) -> String {
    site.hosts.port().map_or_else(|| SESSION.into(), |port| format!("{SESSION}_{port}"))
}

/// Returns the value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = all.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Returns what forms of the session `secret` bring along: it follows from the secret and does not tell it.
pub(crate) fn csrf_of(secret: &str) -> String {
    Digest::of(format!("form:{secret}").as_bytes()).hex().chars().take(32).collect()
}

/// Refuses what a token of this role, principal or project may not do, whatever the command says.
pub(crate) async fn permit(site: &Shared, who: &Who, method: &Method, path: &str) -> Answer<()> {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    // As the router reads them: what is allowed is decided on the same words as what is done.
    let decoded = path.split('/').map(|it| percent_decode_str(it).decode_utf8());
    let Ok(decoded) = decoded.collect::<Result<Vec<_>, _>>() else {
        return Err(Problem::bad("the address is not UTF-8"));
    };
    let parts: Vec<&str> = decoded.iter().map(AsRef::as_ref).filter(|it| !it.is_empty()).collect();
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match &who.caller.role {
        TokenRole::Viewer if !reads && !is_everybodys(&parts) => {
            let detail = "this token may only look (`viewer`). Use one with the role `operator`";
            return Err(Problem::refused("viewer", detail));
        }
        TokenRole::Operator | TokenRole::Viewer if is_owners(reads, &parts) => {
            let detail = "this is for the owner: use this home's `credentials`";
            return Err(Problem::refused("not_the_owner", detail));
        }
        TokenRole::Attempt(id) => return lane(site, *id, reads, &parts).await,
        TokenRole::Viewer | TokenRole::Operator | TokenRole::Owner => {}
    }
    if !who.principal().is_person() && is_a_persons(reads, &parts) {
        let detail = format!(
            "only a person may do this; `{}` is none. Sign in, or ask somebody who is signed in",
            who.principal()
        );
        return Err(Problem::refused("not_a_person", detail));
    }
    if let ["attempts", id, "report" | "evidence"] = parts.as_slice() {
        own_attempt(site, who, id).await?;
    }
    match &who.caller.project {
        Some(own) => within(site, own, reads, &parts).await,
        None => Ok(()),
    }
}

/// Returns whether even who may only look does this: it changes nothing but their own session.
fn is_everybodys(parts: &[&str]) -> bool {
    matches!(parts, ["sign-out"] | ["digest", "seen"] | ["settings", "sessions", _, "end"])
}

/// Returns whether only an owner may do this.
fn is_owners(reads: bool, parts: &[&str]) -> bool {
    match parts {
        ["tokens" | "down" | "sign-in-link", ..] => true,
        ["projects", ..] | ["settings", "invite" | "people" | "tokens", ..] => !reads,
        _ => false,
    }
}

/// Returns whether only a person may do this.
fn is_a_persons(reads: bool, parts: &[&str]) -> bool {
    match parts {
        ["tickets", _, "verdict" | "withdraw" | "take-back"] | ["approvals", ..] => !reads,
        ["tickets", _, "messages", _, "withdraw"] => !reads,
        ["tokens", ..] | ["sign-in-link"] | ["projects", ..] => !reads,
        _ => false,
    }
}

/// Refuses a lane everything but its own ticket, its messages, and reports of its own attempt.
async fn lane(site: &Shared, id: AttemptId, reads: bool, parts: &[&str]) -> Answer<()> {
    let own = match (reads, parts) {
        (true, ["tickets", key] | ["tickets", key, "why"]) => {
            ticket_of(site, id).await?.is_some_and(|it| it.to_string() == *key)
        }
        // The handler limits the list to the attempt's own ticket.
        (true, ["messages"]) => true,
        (true, ["attempts", attempt] | ["attempts", attempt, "brief"])
        | (false, ["attempts", attempt, "report" | "evidence"]) => id.to_string() == *attempt,
        _ => false,
    };
    let detail = format!(
        "a lane's token is good for its own attempt alone: `{id}` may read its ticket and messages, report and add evidence"
    );
    own.then_some(()).ok_or_else(|| Problem::refused("lane_token", detail))
}

/// Refuses to speak for an attempt of somebody else: whoever took it reports it, and a person what a person took.
pub(crate) async fn own_attempt(site: &Shared, who: &Who, id: &str) -> Answer<()> {
    let Ok(id) = id.parse::<AttemptId>() else { return Ok(()) };
    let Some(key) = ticket_of(site, id).await? else { return Ok(()) };
    let (ticket, _) = site.control.ticket(&key).await?;
    let Some(attempt) = ticket.attempt(id) else { return Ok(()) };
    let (theirs, ours) = (&attempt.principal, who.principal());
    let rules = site.control.project(key.project()).await?.rules.clone();
    let driver = rules.runtimes.get(&attempt.runtime).map(|it| it.driver);
    let by_person = driver == Some(Driver::Person) || theirs.is_person();
    if theirs == ours || (by_person && ours.is_person()) {
        return Ok(());
    }
    let detail =
        format!("`{id}` is the work of `{theirs}`, so only they may report it, not `{ours}`");
    Err(Problem::refused("not_your_attempt", detail))
}

/// Returns the ticket of an attempt.
pub(crate) async fn ticket_of(site: &Shared, id: AttemptId) -> Answer<Option<TicketKey>> {
    let found = site.control.store().projection(ProjectionKind::Attempt, &id.to_string()).await?;
    Ok(found.and_then(|it| it.ticket))
}

/// Refuses a project's token what is about another project or the whole home.
async fn within(site: &Shared, own: &ProjectKey, reads: bool, parts: &[&str]) -> Answer<()> {
    let ticket = match parts {
        ["tickets", "new"] => None,
        ["tickets" | "workspaces", key, ..] => key.parse::<TicketKey>().ok(),
        ["approvals", id, ..] => match id.parse::<ApprovalId>() {
            Ok(id) => ticket_of(site, id.attempt).await?,
            Err(_) => None,
        },
        ["attempts", id, ..] => match id.parse() {
            Ok(id) => ticket_of(site, id).await?,
            Err(_) => None,
        },
        _ => None,
    };
    let home_wide = match parts {
        ["operator", ..] | ["workspaces", "clean"] | ["tokens", ..] | ["down"] => !reads,
        ["projects", ..] | ["runtimes", ..] | ["sign-in-link"] | ["settings", ..] => !reads,
        _ => false,
    };
    let elsewhere = ticket.is_some_and(|it| it.project() != own);
    if elsewhere || home_wide { Err(other_project(own)) } else { Ok(()) }
}

fn other_project(own: &ProjectKey) -> Problem {
    Problem::refused("other_project", format!("this token is good for project `{own}` alone"))
}

/// Wrong codes of the last minute, by the address they came from.
///
/// What keeps a guesser out is the code, not this: it has 256 random bits and holds for a day at most. A million tries a second,
/// all day, against a thousand open codes hit one with a chance of about 2⁻²⁰⁹. So a right code is let in whatever else came
/// from its address, which a proxy or another site's page in the same browser may share; only who sends wrong ones waits.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failures: Mutex<VecDeque<(Timestamp, Option<IpAddr>)>>,
}

impl Attempts {
    /// Counts a wrong code from `peer`, and says where too many came from there lately.
    pub(crate) fn failed(&self, peer: Option<IpAddr>, now: Timestamp) -> Answer<()> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = |it: &(Timestamp, _)| now.as_second() - it.0.as_second() >= WINDOW_S;
        while failures.front().is_some_and(ends) || failures.len() >= MOST_KEPT {
            failures.pop_front();
        }
        let network = peer.map(network);
        if failures.iter().filter(|it| it.1 == network).count() < MOST_FAILURES {
            failures.push_back((now, network));
            return Ok(());
        }
        let detail = "too many wrong codes came from your address. Wait a minute, or open a new link: `mission sign-in` on the host prints one, and a right code is let in at once";
        let status = axum::http::StatusCode::TOO_MANY_REQUESTS;
        Err(Problem::new(status, "too_many_tries", detail))
    }
}

/// Returns what one household or machine has of an address: all of IPv4, the first half of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Returns the ticket that a list is limited to: a lane's own, else the asked one.
pub(crate) async fn own_ticket(
    site: &Shared,
    who: &Who,
    asked: Option<TicketKey>,
) -> Answer<Option<TicketKey>> {
    match who.caller.role {
        TokenRole::Attempt(id) => {
            let gone = || Problem::not_found(format!("attempt `{id}` has no ticket"));
            ticket_of(site, id).await?.map(Some).ok_or_else(gone)
        }
        TokenRole::Viewer | TokenRole::Operator | TokenRole::Owner => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_wrong_codes_waits_and_nobody_else_does() {
        let attempts = Attempts::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let from = |text: &str| Some(text.parse().unwrap());
        for _ in 0..MOST_FAILURES {
            attempts.failed(from("192.0.2.1"), at(0)).unwrap();
            attempts.failed(from("2001:db8::1"), at(0)).unwrap();
        }
        for same in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::2"] {
            let problem = attempts.failed(from(same), at(59)).unwrap_err();
            assert_eq!(problem.status.as_u16(), 429, "{same}");
        }
        for other in ["192.0.2.2", "2001:db8:0:1::1"] {
            attempts.failed(from(other), at(59)).unwrap();
        }
        attempts.failed(None, at(59)).unwrap();
        attempts.failed(from("192.0.2.1"), at(60)).unwrap();
    }
}
