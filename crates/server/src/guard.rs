//! What every request passes before a handler sees it: host, origin, who asks, size. And the headers that every answer carries.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http_body_util::BodyExt as _;
use mission_domain::ids::{ProjectKey, TicketKey};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::app::Site;
use crate::auth::{self, Who};
use crate::pass::Pass;
use crate::peer;
use crate::problem::{Answer, Problem};
use crate::web::in_query;

/// The largest body of a request, in bytes.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;

/// What is read and thrown away of a body that is too large, in bytes: a client that hears "no" in the middle of its
/// sending would see a broken connection instead.
const MOST_DRAINED: usize = 64 * 1024 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where scripts, styles and pictures may come from: here, and nowhere else.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What is wrong with the rules of a project, percent-encoded, beside every answer to a person's question.
const NOTICE: &str = "x-mission-notice";

/// The names under which the server may be called.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    port: Option<u16>,
    others: Vec<String>,
}

impl Hosts {
    /// Allows this machine's names, with `port` where one is known, `others`, and the host of `public_url`.
    pub(crate) fn new(port: Option<u16>, others: &[String], public_url: Option<&str>) -> Self {
        let public = public_url.and_then(|it| it.parse::<Uri>().ok());
        let public = public.and_then(|it| it.authority().map(|it| it.as_str().to_owned()));
        let others = others.iter().cloned().chain(public).map(|it| it.to_ascii_lowercase());
        Self { port, others: others.collect() }
    }

    /// Returns the port that the server listens on, where one is known.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns whether `host`, as the header has it, is one of ours.
    fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = split(&host);
        let ours = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        let our_port = port.is_none() || (port.is_some() && port == self.port);
        (ours && our_port) || self.others.iter().any(|it| *it == host || it == name)
    }
}

/// Splits a host from its port.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok().or(Some(0))),
        Some(_) | None => (host, None),
    }
}

/// Lets a request through to its handler, or refuses it.
pub(crate) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page = !path.starts_with("/api/") && path != "/metrics";
    let wants_sign_in = is_page && request.method() == Method::GET;
    let is_read = !is_page && request.method() == Method::GET;
    let pass = Pass::of(&site, request.headers());
    match admit(&site, request).await {
        Ok(request) if is_read => {
            let who = request.extensions().get::<Who>().cloned();
            let mut answer = run(request, pass, is_page, next).await;
            if let Some(who) = who.filter(|it| it.principal().is_person()) {
                let broken = crate::web::broken_rules(&site, &who).await;
                let values = broken.iter().map(|it| utf8_percent_encode(it, NON_ALPHANUMERIC));
                let values = values.filter_map(|it| HeaderValue::from_str(&it.to_string()).ok());
                for value in values {
                    answer.headers_mut().append(NOTICE, value);
                }
            }
            answer
        }
        Ok(request) if matches!(*request.method(), Method::GET | Method::HEAD) => {
            run(request, pass, is_page, next).await
        }
        Ok(request) => change(site, request, next, !is_page).await,
        Err(problem) if wants_sign_in && problem.status == StatusCode::UNAUTHORIZED => {
            Redirect::to("/sign-in").into_response()
        }
        Err(problem) if is_page => crate::web::bare_problem(&problem),
        Err(problem) => problem.into_response(),
    }
}

/// Answers a question; a stream is answered as long as whoever asks may hear it.
async fn run(request: Request, pass: Pass, is_page: bool, next: Next) -> Response {
    let who = request.extensions().get::<Who>().cloned();
    let answer = next.run(request).await;
    match who {
        Some(who) => pass.guard(who.caller, is_page, answer),
        None => answer,
    }
}

/// Carries out a change to its end, also where whoever asked for it has gone: what is on record and what the controller knows
/// would part where it was left half-way.
async fn change(site: Site, request: Request, next: Next, is_api: bool) -> Response {
    let key = request.headers().get("idempotency-key").filter(|_| is_api).cloned();
    let work = tokio::spawn(async move {
        let ticket = if is_api { about(&site, request.uri()).await } else { None };
        if let Some(problem) = outdated(&site, ticket.as_ref(), request.headers()).await {
            return problem.into_response();
        }
        let answer = match key {
            Some(key) => site.once.run(&site, &key, request, next).await,
            None => next.run(request).await,
        };
        with_version(&site, ticket.as_ref(), answer).await
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!("a request was not carried out: {error}");
        let detail = "the server failed at this; its log says more. Look whether it took effect before you send it again";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail).into_response()
    })
}

/// Returns the ticket that a request to the API is about.
async fn about(site: &Site, uri: &Uri) -> Option<TicketKey> {
    let mut parts = uri.path().strip_prefix("/api/v1/")?.split('/');
    match (parts.next()?, parts.next()?) {
        ("tickets", key) => key.parse().ok(),
        ("attempts", id) => auth::ticket_of(site, id.parse().ok()?).await.ok()?,
        _ => None,
    }
}

async fn version(site: &Site, ticket: Option<&TicketKey>) -> Option<u64> {
    site.control.ticket(ticket?).await.ok().map(|it| it.1.0)
}

/// Refuses a change of a ticket that is no longer at the version which `If-Match` names.
async fn outdated(site: &Site, ticket: Option<&TicketKey>, headers: &HeaderMap) -> Option<Problem> {
    let meant = headers.get(header::IF_MATCH)?.to_str().ok()?.trim_matches('"').to_owned();
    let now = version(site, ticket).await?;
    let differs = meant != "*" && meant != now.to_string();
    let detail =
        format!("it is at version {now}, and the request is for version {meant}. Read it again");
    let problem = Problem::new(StatusCode::CONFLICT, "conflict", detail);
    differs.then_some(Problem { current_version: Some(now), ..problem })
}

/// Puts the ticket's version into an answer that says no because of what the ticket is now.
async fn with_version(site: &Site, ticket: Option<&TicketKey>, answer: Response) -> Response {
    let known = answer.extensions().get::<Problem>();
    let unversioned =
        |it: &&Problem| it.status == StatusCode::CONFLICT && it.current_version.is_none();
    let Some(problem) = known.filter(unversioned).cloned() else { return answer };
    match version(site, ticket).await {
        Some(version) => Problem { current_version: Some(version), ..problem }.into_response(),
        None => answer,
    }
}

async fn admit(site: &Site, request: Request) -> Answer<Request> {
    same_site(site, request.headers(), request.uri())?;
    let mut request = request;
    if !is_public(request.uri().path()) {
        let who = auth::identify(site, request.headers()).await?;
        let who = who.ok_or_else(Problem::not_signed_in)?;
        peer::no_lane(&who, request.extensions()).await?;
        auth::permit(site, &who, request.method(), request.uri().path()).await?;
        own_page(&who, &request)?;
        asks_for_what_is(site, request.uri()).await?;
        request.extensions_mut().insert(who);
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let bytes = tokio::time::timeout(PATIENCE, read(&head.headers, body)).await;
    let late = || {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive within 30 s")
    };
    let bytes = bytes.map_err(|_| late())??;
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// Refuses a question about a project or ticket that is not there: an empty answer would say that all is well with it.
async fn asks_for_what_is(site: &Site, uri: &Uri) -> Answer<()> {
    if !uri.path().starts_with("/api/") {
        return Ok(());
    }
    if let Some(project) = in_query(uri, "project").and_then(|it| it.parse().ok()) {
        is_known(site, &project).await?;
    }
    let Some(ticket) = in_query(uri, "ticket").and_then(|it| it.parse::<TicketKey>().ok()) else {
        return Ok(());
    };
    let rows = site.rows.read(site).await?;
    let is_there = rows.rows.contains_key(&ticket);
    is_there
        .then_some(())
        .ok_or_else(|| Problem::not_found(format!("there is no ticket `{ticket}`")))
}

/// Refuses a project that this home neither has nor had.
pub(crate) async fn is_known(site: &Site, project: &ProjectKey) -> Answer<()> {
    let projects = site.control.home().projects;
    let has_tickets = || async {
        Ok::<_, Problem>(site.rows.read(site).await?.of(Some(project)).next().is_some())
    };
    if projects.contains_key(project) || has_tickets().await? {
        return Ok(());
    }
    let known: Vec<String> = projects.keys().map(|it| format!("`{it}`")).collect();
    let known = if known.is_empty() { "none yet".into() } else { known.join(", ") };
    Err(Problem::not_found(format!("there is no project `{project}`; this home has {known}")))
}

/// Returns whether anybody may ask for `path`.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/sign-in" | "/api/openapi.json")
        || path.starts_with("/assets/")
}

/// Refuses a request that was meant for another host, or that another site's page sent.
fn same_site(site: &Site, headers: &HeaderMap, uri: &Uri) -> Answer<()> {
    let text = |name: HeaderName| headers.get(name).and_then(|it| it.to_str().ok());
    let host = text(header::HOST).or_else(|| uri.authority().map(|it| it.as_str()));
    let wrong = |what: &str| {
        let detail = format!(
            "this server is not `{what}`. Call it by the address that `mission up` printed, or add the name to `allowed_hosts` in the home's `config.toml`"
        );
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "host_refused", detail)
    };
    let host = host.ok_or_else(|| wrong("a request without `Host`"))?;
    if !site.hosts.allows(host) {
        return Err(wrong(host));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
    let here = origin == format!("http://{host}").to_ascii_lowercase();
    let public = site.public_url.as_deref().map(|it| it.trim_end_matches('/'));
    if here || public.is_some_and(|it| it.eq_ignore_ascii_case(&origin)) {
        return Ok(());
    }
    let detail =
        format!("a page of `{origin}` sent this request, which only this server's own pages may");
    Err(Problem::refused("origin_refused", detail))
}

/// Refuses a change by a browser's cookie through the API unless the browser says that our own page sent it.
fn own_page(who: &Who, request: &Request) -> Answer<()> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_api = request.uri().path().starts_with("/api/");
    if reads || !is_api || !who.by_cookie || request.headers().contains_key(header::ORIGIN) {
        return Ok(());
    }
    let detail = "a change by a session's cookie needs the header `Origin`; scripts use a token";
    Err(Problem::refused("origin_missing", detail))
}

/// Returns the whole body, or says that it is too large once all of it came.
async fn read(headers: &HeaderMap, mut body: Body) -> Answer<Bytes> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    let length = length.and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    let mut kept = Vec::with_capacity(length.min(MOST_BYTES));
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Problem::bad(format!("the body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen <= MOST_BYTES {
            kept.extend_from_slice(&data);
        } else if seen > MOST_DRAINED {
            break;
        }
    }
    if seen <= MOST_BYTES {
        return Ok(kept.into());
    }
    let detail = "a request has at most 1 MiB. Put the rest in a file of the repository, or hand it in as evidence";
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail))
}

/// Adds the headers that keep an answer from being kept, framed, guessed at or scripted by others.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let set = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let defaults = [(header::CONTENT_SECURITY_POLICY, CSP), (header::CACHE_CONTROL, "no-store")];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_by_name_and_port() {
        let hosts = Hosts::new(Some(4207), &["mission.local".into()], Some("http://box.lan:9000"));
        for host in ["localhost:4207", "127.0.0.1:4207", "[::1]:4207", "[::1]", "LOCALHOST:4207"] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in ["mission.local", "mission.local:99", "box.lan:9000"] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost:1",
            "127.0.0.1:80",
            "box.lan",
            "localhost.evil:4207",
            "localhost:x",
            "",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
    }
}
