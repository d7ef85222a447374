//! Signing in by a one-time code, and signing out.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::browser;
use super::forms::{Fields, Posted};
use super::shell::Visitor;
use crate::app::Site;
use crate::auth::{self, csrf_of};
use crate::pages;
use crate::pages::view::SignInView;
use crate::peer;
use crate::problem::{Answer, Problem};

/// The cookie that ties the sign-in form to its browser.
const VISIT: &str = "mission_visit";

/// How long a session's cookie holds, in seconds; the session itself ends no later.
const SESSION_S: u32 = 30 * 86_400;

type Cookie = (HeaderName, String);

#[derive(Debug, Deserialize)]
pub(super) struct Code {
    code: Option<String>,
}

/// Takes the code in the link, or shows the form for it.
pub(super) async fn page(
    State(site): State<Site>,
    method: Method,
    headers: HeaderMap,
    extensions: Extensions,
    Query(Code { code }): Query<Code>,
) -> Answer<Response> {
    match code.filter(|it| !it.is_empty() && method == Method::GET) {
        Some(code) => enter(&site, &headers, &extensions, &code).await,
        None => form(&headers, StatusCode::OK, None),
    }
}

/// Takes the code from the form.
pub(super) async fn post(
    State(site): State<Site>,
    headers: HeaderMap,
    extensions: Extensions,
    fields: Fields,
) -> Answer<Response> {
    let visit = auth::cookie(&headers, VISIT).map(csrf_of);
    if visit.as_deref() != Some(fields.text("csrf")) {
        let problem = "the form was too old. Try again.";
        return form(&headers, StatusCode::FORBIDDEN, Some(problem.into()));
    }
    enter(&site, &headers, &extensions, fields.text("code").trim()).await
}

/// Signs in who has the right code, however many wrong ones came before it.
async fn enter(
    site: &Site,
    headers: &HeaderMap,
    extensions: &Extensions,
    code: &str,
) -> Answer<Response> {
    let Some(secret) =
        site.control.take_sign_in(code, &browser::named(headers, extensions)).await?
    else {
        let wrong = site.attempts.failed(peer::address(extensions), site.control.now());
        let (status, problem) = match wrong {
            Ok(()) => {
                let problem =
                    "The code is unknown, used or over 10 minutes old. Ask for a new one.";
                (StatusCode::FORBIDDEN, problem.to_owned())
            }
            Err(problem) => (problem.status, problem.detail),
        };
        return form(headers, status, Some(problem));
    };
    let session = cookie(site, &auth::session_cookie(site), &secret, SESSION_S);
    Ok((AppendHeaders([session]), Redirect::to("/needs-you")).into_response())
}

fn form(headers: &HeaderMap, status: StatusCode, problem: Option<String>) -> Answer<Response> {
    let visit = match auth::cookie(headers, VISIT) {
        Some(visit) if visit.len() == 32 => visit.to_owned(),
        Some(_) | None => random()?,
    };
    let page = pages::sign_in::page(&SignInView { csrf: csrf_of(&visit), problem });
    let visit = format!("{VISIT}={visit}; Path=/sign-in; HttpOnly; SameSite=Strict");
    Ok((status, AppendHeaders([(header::SET_COOKIE, visit)]), page).into_response())
}

/// Tells a page of ours who is signed in now and what forms bring along, before it sends what somebody typed; and the time, with
/// which it compares its own.
pub(super) async fn who(visitor: Visitor) -> Json<Value> {
    let now = visitor.site.control.now().as_millisecond();
    Json(json!({ "person": visitor.who.name(), "csrf": visitor.who.csrf, "now": now }))
}

/// Ends the session and forgets its cookie.
pub(super) async fn out(
    State(site): State<Site>,
    headers: HeaderMap,
    Posted { .. }: Posted,
) -> Answer<Response> {
    let name = auth::session_cookie(&site);
    if let Some(secret) = auth::cookie(&headers, &name) {
        site.control.sign_out(secret).await?;
        site.ended.send_replace(());
    }
    let gone = cookie(&site, &name, "", 0);
    Ok((AppendHeaders([gone]), Redirect::to("/sign-in")).into_response())
}

fn cookie(site: &Site, name: &str, value: &str, seconds: u32) -> Cookie {
    let secure = site.public_url.as_deref().is_some_and(|it| it.starts_with("https://"));
    let secure = if secure { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    (header::SET_COOKIE, text)
}

fn random() -> Answer<String> {
    let mut bytes = [0u8; 16];
    let failed = |e| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", format!("{e}"));
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes.iter().map(|it| format!("{it:02x}")).collect())
}
