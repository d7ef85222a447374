//! What handlers take: names from the path, queries and JSON bodies, each with a problem document when it is not readable.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The one name in the path, like a ticket's key. What is no such name at all is not found.
pub(crate) struct Named<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Named<T>
where
    S: Send + Sync,
    T: FromStr + Send,
    T::Err: std::fmt::Display,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = path.map_err(|e| Problem::bad(e.body_text()))?;
        name.parse().map(Self).map_err(|e| Problem::not_found(e.to_string()))
    }
}

/// The query of the address.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(it)| Self(it)).map_err(|e| Problem::bad(e.body_text()))
    }
}

/// The JSON body; an empty one counts as `{}`.
pub(crate) struct Given<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|e| Problem::bad(e.body_text()))?;
        if bytes.is_empty() {
            return serde_json::from_str("{}").map(Self).map_err(|e| unreadable(&e));
        }
        if !is_json {
            let detail = "the body is sent as `content-type: application/json`";
            let status = axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "not_json", detail));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|e| unreadable(&e))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    kind.is_some_and(|it| it.split(';').next().is_some_and(|it| it.trim() == "application/json"))
}

/// Says where a body cannot be read: 400 where it is no JSON, 422 where it is another document.
fn unreadable(error: &serde_json::Error) -> Problem {
    let detail = format!("the body cannot be read: {error}");
    if error.is_data() { Problem::senseless("bad_request", detail) } else { Problem::bad(detail) }
}
