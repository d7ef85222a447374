//! Which path is which interface. Programs put any prefix before it, so the ends of the paths count.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Desk;
use super::chat::Chat;
use super::dialect::Dialect as _;
use super::gemini::Gemini;
use super::messages::Messages;
use super::play::answer;
use super::responses::Responses;

/// The longest request, in bytes: agents send their whole conversation each time.
const REQUEST_BYTES: usize = 64 * 1024 * 1024;

/// Returns the routes.
pub(super) fn routes(desk: Arc<Desk>) -> Router {
    Router::new().fallback(take).layer(DefaultBodyLimit::max(REQUEST_BYTES)).with_state(desk)
}

async fn take(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_end_matches('/');
    match method {
        Method::POST if headers.contains_key(header::CONTENT_ENCODING) => {
            let text = "a scripted model reads plain JSON only";
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()
        }
        Method::POST => match serde_json::from_slice(&body) {
            Ok(body) => ask(desk, path, &body).await,
            Err(e) => (StatusCode::BAD_REQUEST, format!("not JSON: {e}\n")).into_response(),
        },
        Method::GET if path.ends_with("/models") => Json(models()).into_response(),
        Method::HEAD => StatusCode::OK.into_response(),
        _ => not_found(),
    }
}

async fn ask(desk: Arc<Desk>, path: &str, body: &Value) -> Response {
    let last = path.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, "countTokens")) => Json(json!({"totalTokens": 10})).into_response(),
        Some((model, verb @ ("generateContent" | "streamGenerateContent"))) => {
            let mut prompt = Gemini::read(body);
            prompt.model = model.to_owned();
            prompt.is_stream = verb == "streamGenerateContent";
            if !prompt.is_stream && Gemini::wants_json(body) {
                let asked = Gemini::new(desk.id("resp"), prompt.model, 0);
                return Json(asked.json()).into_response();
            }
            answer::<Gemini>(desk, prompt).await
        }
        Some(_) => not_found(),
        None => match last {
            "responses" => answer::<Responses>(desk, Responses::read(body)).await,
            "messages" => answer::<Messages>(desk, Messages::read(body)).await,
            "completions" => answer::<Chat>(desk, Chat::read(body)).await,
            "count_tokens" => Json(json!({"input_tokens": 10})).into_response(),
            _ => not_found(),
        },
    }
}

fn not_found() -> Response {
    let body = json!({"error": {"message": "a scripted model has no such path"}});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

/// The one model there is, in the words of all who list models.
fn models() -> Value {
    let model = json!({
        "id": "scripted", "object": "model", "owned_by": "mission", "type": "model",
        "display_name": "scripted",
    });
    json!({"object": "list", "data": [model], "models": []})
}
