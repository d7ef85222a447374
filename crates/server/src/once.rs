//! Requests with an `Idempotency-Key`: done once, answered the same however often they are sent, also after a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use mission_domain::ids::Digest;
use mission_store::{Change, Idempotency};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::Shared;
use crate::auth::Who;
use crate::problem::{Answer, Problem};

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// What the store keeps under a request's key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Kept {
    /// The request was begun; `digest` is that of its method, path and body.
    Begun { digest: String },
    /// It was answered like this.
    Answered { status: u16, content_type: String, body: String },
    /// It failed for a reason that may pass: it may be begun again.
    Again,
    /// It was begun, and whether it took effect is unknown.
    Interrupted,
}

/// The requests with a key that are at work now.
#[derive(Debug, Default)]
pub(crate) struct Once {
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Once {
    /// Runs the request unless it was answered before; a duplicate that comes meanwhile waits for the first.
    pub(crate) async fn run(
        &self,
        site: &Shared,
        key: &HeaderValue,
        request: Request,
        next: Next,
    ) -> Response {
        let principal = request.extensions().get::<Who>().map(|it| it.principal().to_string());
        let (Some(principal), Ok(key)) = (principal, key.to_str()) else {
            return Problem::bad("`Idempotency-Key` is not readable").into_response();
        };
        if key.is_empty() || key.len() > LONGEST {
            let detail = "`Idempotency-Key` has 1 to 255 characters";
            return Problem::bad(detail).into_response();
        }
        let name = format!("{principal} {key}");
        let turn = self.turn(&name);
        let held = turn.lock().await;
        let answer = once(site, &principal, key, request, next).await;
        drop(held);
        self.leave(&name, turn);
        answer.unwrap_or_else(IntoResponse::into_response)
    }

    fn turn(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(name.to_owned()).or_default().clone()
    }

    fn leave(&self, name: &str, turn: Arc<tokio::sync::Mutex<()>>) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        drop(turn);
        if turns.get(name).is_some_and(|it| Arc::strong_count(it) == 1) {
            turns.remove(name);
        }
    }
}

async fn once(
    site: &Shared,
    principal: &str,
    key: &str,
    request: Request,
    next: Next,
) -> Answer<Response> {
    let (head, body) = request.into_parts();
    let bytes = whole(body).await?;
    let asked = [head.method.as_str().as_bytes(), head.uri.to_string().as_bytes(), &bytes].join(&0);
    let digest = Digest::of(&asked).hex().to_owned();
    let mut tries = 0;
    loop {
        let (begin, end) = (format!("{key}#{tries}"), format!("{key}#{tries}="));
        let begun = Kept::Begun { digest: digest.clone() };
        match keep(site, principal, &begin, &begun).await? {
            None => {
                let request = Request::from_parts(head, Body::from(bytes));
                return answer(site, principal, &end, next.run(request).await).await;
            }
            Some(Kept::Begun { digest: first }) if first != digest => {
                let detail = "this `Idempotency-Key` came with another request before. Use a new one for each request";
                return Err(Problem::senseless("idempotency_key_reused", detail));
            }
            Some(_) => {}
        }
        match keep(site, principal, &end, &Kept::Interrupted).await? {
            Some(Kept::Again) => tries += 1,
            Some(Kept::Answered { status, content_type, body }) => {
                return Ok(replayed(status, &content_type, &body));
            }
            None | Some(Kept::Interrupted | Kept::Begun { .. }) => {
                let detail = "this request was begun before and its end is unknown. Look whether it took effect, then send it with a new `Idempotency-Key` if it did not";
                return Err(Problem::new(StatusCode::CONFLICT, "interrupted", detail));
            }
        }
    }
}

/// Keeps the answer, so that a repeat gets the same. A failure of ours is not kept: the repeat may succeed.
async fn answer(site: &Shared, principal: &str, end: &str, response: Response) -> Answer<Response> {
    let (head, body) = response.into_parts();
    let bytes = whole(body).await?;
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let kept = if head.status.is_server_error() {
        Kept::Again
    } else {
        let (status, body) = (head.status.as_u16(), STANDARD.encode(&bytes));
        Kept::Answered { status, content_type, body }
    };
    keep(site, principal, end, &kept).await?;
    Ok(Response::from_parts(head, Body::from(bytes)))
}

fn replayed(status: u16, content_type: &str, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = STANDARD.decode(body).unwrap_or_default();
    let mut response = (status, bytes).into_response();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

/// Keeps `what` under `key` unless something is kept there; returns what was.
async fn keep(site: &Shared, principal: &str, key: &str, what: &Kept) -> Answer<Option<Kept>> {
    let answer = serde_json::to_value(what).unwrap_or(Value::Null);
    let idempotency = Idempotency { key: key.into(), principal: principal.into(), answer };
    let change = Change { writes: Vec::new(), idempotency: Some(idempotency) };
    match site.control.store().append(change).await {
        Ok(_) => Ok(None),
        Err(mission_store::Error::Replayed { answer }) => {
            Ok(Some(serde_json::from_value(answer).unwrap_or(Kept::Interrupted)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn whole(body: Body) -> Answer<Bytes> {
    let collected = body.collect().await;
    Ok(collected.map_err(|e| Problem::bad(format!("the body broke off: {e}")))?.to_bytes())
}
