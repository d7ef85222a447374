//! Plays one step as the answer to one request.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::dialect::{Dialect, Event};
use super::prompt::{Cue, Prompt};
use super::script::Step;
use super::{Desk, Seen};

/// Tokens that the first request of a script is said to have; each step after it has one more.
const INPUT: u32 = 1_200;

/// Between the head of an answer and the break of its connection.
const BEFORE_BREAK: Duration = Duration::from_millis(50);

/// Where the pieces of an answer go; an error among them breaks the connection off.
type Pieces = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Who asked has gone.
#[derive(Debug)]
struct Gone;

/// Answers `prompt` in the interface `D`.
pub(super) async fn answer<D: Dialect>(desk: Arc<Desk>, prompt: Prompt) -> Response {
    let cue = prompt.cue();
    note::<D>(&desk, &prompt, &cue);
    let input = INPUT.saturating_add(u32::try_from(cue.index).unwrap_or(u32::MAX));
    let dialect = D::new(desk.id("resp"), prompt.model, input);
    if let Step::Http(code) = cue.step {
        return failure(code);
    }
    if !prompt.is_stream {
        return whole(&dialect, cue.step).await;
    }
    let call = cue.call.map(|(name, arguments)| (desk.id("call"), name, arguments));
    let (pieces, stream) = mpsc::channel(8);
    tokio::spawn(async move {
        // Who asks and leaves early is no failure of the model's.
        let _ = stream_to(&pieces, dialect, cue.step, call).await;
    });
    let mut response = Body::from_stream(ReceiverStream::new(stream)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn note<D: Dialect>(desk: &Desk, prompt: &Prompt, cue: &Cue) {
    let seen = Seen {
        interface: D::NAME,
        text: cue.text.clone(),
        step: cue.index,
        played: cue.step.to_string(),
        tools: prompt.tools.len(),
    };
    if let Ok(mut all) = desk.seen.lock() {
        all.push(seen);
    }
}

/// A failure as providers word it, with the wait that polite clients keep to.
fn failure(code: u16) -> Response {
    let text = format!("scripted {code}");
    let body =
        json!({"type": "error", "error": {"type": "api_error", "message": text, "code": code}});
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::RETRY_AFTER, "1")], Json(body)).into_response()
}

async fn whole<D: Dialect>(dialect: &D, step: Step) -> Response {
    let text = match step {
        Step::Say(text) => text,
        Step::Slow { over, text } => {
            tokio::time::sleep(over).await;
            text
        }
        Step::Hang(long) => {
            tokio::time::sleep(long).await;
            "hung".into()
        }
        Step::Drop | Step::Cut => return StatusCode::BAD_GATEWAY.into_response(),
        Step::Http(code) => return failure(code),
        Step::Shell(_) | Step::Tool { .. } => "a call needs a stream".into(),
    };
    Json(dialect.whole(&text)).into_response()
}

async fn stream_to<D: Dialect>(
    pieces: &Pieces,
    mut dialect: D,
    step: Step,
    call: Option<(String, String, Value)>,
) -> Result<(), Gone> {
    send(pieces, dialect.begin()).await?;
    if let Some((id, name, arguments)) = call {
        send(pieces, dialect.call(&id, &name, &arguments)).await?;
        return send(pieces, dialect.end()).await;
    }
    match step {
        Step::Drop => {
            // What is sent together with the break is never seen.
            tokio::time::sleep(BEFORE_BREAK).await;
            let broken = std::io::Error::other("the script says so");
            return pieces.send(Err(broken)).await.map_err(|_| Gone);
        }
        Step::Cut | Step::Http(_) | Step::Shell(_) | Step::Tool { .. } => return Ok(()),
        Step::Say(text) => say(pieces, &mut dialect, &text, Duration::ZERO).await?,
        Step::Slow { over, text } => say(pieces, &mut dialect, &text, over).await?,
        Step::Hang(long) => {
            send(pieces, dialect.open_text()).await?;
            tokio::select! {
                () = tokio::time::sleep(long) => {}
                () = pieces.closed() => return Err(Gone),
            }
            send(pieces, dialect.word("hung")).await?;
            send(pieces, dialect.close_text("hung")).await?;
        }
    }
    send(pieces, dialect.end()).await
}

/// Says `text`, over `over` from the first word to the last.
async fn say<D: Dialect>(
    pieces: &Pieces,
    dialect: &mut D,
    text: &str,
    over: Duration,
) -> Result<(), Gone> {
    send(pieces, dialect.open_text()).await?;
    let words: Vec<&str> = match over.is_zero() {
        true => vec![text],
        false => text.split_inclusive(' ').collect(),
    };
    let pause = over / u32::try_from(words.len()).unwrap_or(u32::MAX).max(1);
    for word in words {
        tokio::time::sleep(pause).await;
        send(pieces, dialect.word(word)).await?;
    }
    send(pieces, dialect.close_text(text)).await
}

async fn send(pieces: &Pieces, events: Vec<Event>) -> Result<(), Gone> {
    for event in events {
        pieces.send(Ok(event.text().into())).await.map_err(|_| Gone)?;
    }
    Ok(())
}
