//! The doors to a lane's session: its console, taking over and giving back, and the recording.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mission_control::Journal;
use mission_domain::doc::AttemptDoc;
use mission_domain::ids::AttemptId;
use serde::Deserialize;

use tokio_util::io::ReaderStream;

use super::extract::{Asked, Named};
use crate::app::Site;
use crate::auth::Who;
use crate::console::{Console, MOST_SAID};
use crate::problem::{Answer, Problem};
use crate::web::read;

#[derive(Debug, Deserialize)]
pub(super) struct After {
    after: Option<u64>,
}

pub(super) async fn console(
    State(site): State<Site>,
    who: Who,
    headers: HeaderMap,
    Named(id): Named<AttemptId>,
    Asked(After { after }): Asked<After>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    // A browser always says whose page opens it; a script has a token.
    if who.by_cookie && !headers.contains_key(header::ORIGIN) {
        let detail =
            "a console by a session's cookie needs the header `Origin`; scripts use a token";
        return Err(Problem::refused("origin_missing", detail));
    }
    let attempt: Option<AttemptDoc> = read::attempt(&site, id).await?;
    let attempt = attempt.filter(|it| who.may_see(&it.ticket));
    let none = || Problem::not_found(format!("there is no attempt `{id}`"));
    let attempt = attempt.ok_or_else(none)?;
    let elsewhere =
        || Problem::not_found(format!("`{id}` runs nothing here, so it has no console"));
    if site.control.journal(&attempt) == Journal::Gone {
        let detail = format!("what `{id}` printed is not kept here any more: its journal has gone");
        return Err(Problem::new(StatusCode::GONE, "journal_gone", detail));
    }
    let screen = site.control.screen(id).ok_or_else(elsewhere)?;
    let upgrade = upgrade.map_err(|e| {
        let detail = format!("a console is a WebSocket: {}", e.body_text());
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
    })?;
    let console = Console::open(site, who, headers, (id, attempt, screen), after).await;
    Ok(upgrade.max_message_size(MOST_SAID).on_upgrade(|socket| console.serve(socket)))
}

pub(super) async fn take_over(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<AttemptId>,
) -> Answer<Json<AttemptDoc>> {
    Ok(Json(site.control.take_over_for_now(id, who.principal()).await?))
}

pub(super) async fn give_back(
    State(site): State<Site>,
    who: Who,
    Named(id): Named<AttemptId>,
) -> Answer<Json<AttemptDoc>> {
    Ok(Json(site.control.give_back(id, who.principal()).await?))
}

pub(super) async fn recording(
    State(site): State<Site>,
    _: Who,
    Named(id): Named<AttemptId>,
) -> Answer<impl IntoResponse> {
    let file = site.control.recording(id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-asciicast".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.cast\"")),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file)))))
}
