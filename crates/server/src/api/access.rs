//! Tokens, sign-in links, and the server's end.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mission_domain::ids::ProjectKey;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Given, Named};
use crate::app::Site;
use crate::auth::Who;
use crate::guard;
use crate::problem::{Answer, Problem};

#[derive(Debug, Deserialize)]
pub(super) struct NewToken {
    name: String,
    role: String,
    project: Option<ProjectKey>,
    #[serde(default)]
    person: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Down {
    #[serde(default)]
    stop_lanes: bool,
}

pub(super) async fn list(State(site): State<Site>, _: Who) -> Answer<Json<Value>> {
    Ok(Json(json!({ "tokens": site.control.tokens().await? })))
}

pub(super) async fn make(
    State(site): State<Site>,
    who: Who,
    Given(new): Given<NewToken>,
) -> Answer<(StatusCode, Json<Value>)> {
    if let Some(project) = &new.project {
        guard::is_known(&site, project).await?;
    }
    let made = site.control.new_token(&new.name, &new.role, new.project, new.person, &who.caller);
    let token = made.await?;
    Ok((StatusCode::CREATED, Json(json!({ "token": token }))))
}

pub(super) async fn revoke(
    State(site): State<Site>,
    who: Who,
    Named(name): Named<String>,
) -> Answer<StatusCode> {
    site.control.revoke_token(&name, &who.caller).await?;
    site.ended.send_replace(());
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn link(State(site): State<Site>, who: Who) -> Answer<Json<Value>> {
    let code = site.control.sign_in_code(&who.caller).await?;
    let base = site.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    Ok(Json(json!({ "url": format!("{base}/sign-in?code={code}") })))
}

pub(super) async fn down(
    State(site): State<Site>,
    _: Who,
    Given(Down { stop_lanes }): Given<Down>,
) -> Answer<(StatusCode, Json<Value>)> {
    let none = || {
        Problem::new(StatusCode::CONFLICT, "no_server", "no server is up, so none can be stopped")
    };
    let shutdown = site.shutdown.as_ref().ok_or_else(none)?;
    // A server that is stopping already does what was asked.
    let _ = shutdown.try_send(stop_lanes);
    Ok((StatusCode::ACCEPTED, Json(json!({ "stopping": true }))))
}
