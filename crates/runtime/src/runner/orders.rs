//! Carries the server's orders to one lane's shim, one after another, and says what came of those that failed.

use std::time::{Duration, Instant};

use mission_domain::ids::AttemptId;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::files::LaneFiles;
use crate::protocol::FromRunner;
use crate::runner::follow::{Following, News};
use crate::runner::talk::Talk;
use crate::shim_protocol::{Reply, Request};

/// How long an order is tried on a shim that is only coming up.
const COMING_UP: Duration = Duration::from_secs(15);

/// Carries out `orders` until nobody can give one any more.
pub(crate) async fn obey(lane: Following, mut orders: mpsc::UnboundedReceiver<Request>) {
    while let Some(request) = orders.recv().await {
        let (code, text) = match ask(&lane.files, &request).await {
            Ok(_) => continue,
            Err(Error::Refused { code, text }) => (code, text),
            Err(other) => ("ended".to_owned(), other.in_full()),
        };
        tracing::warn!("lane {} did not take an order ({code}): {text}", lane.attempt);
        let refused = refused(lane.attempt, &request, &code, &text);
        refused.into_iter().for_each(|frame| lane.say(News::Pass(frame)));
    }
}

/// Returns the frame that gives a turn's messages back; other orders carry nothing.
pub(crate) fn refused(
    attempt: AttemptId,
    request: &Request,
    code: &str,
    text: &str,
) -> Option<FromRunner> {
    match request {
        Request::Turn { messages, .. } | Request::Steer { messages, .. } => {
            let (code, text) = (code.to_owned(), text.to_owned());
            Some(FromRunner::TurnRefused { attempt, messages: messages.clone(), code, text })
        }
        Request::Report { .. }
        | Request::Evidence { .. }
        | Request::Approval { .. }
        | Request::Input { .. }
        | Request::Interrupt { .. }
        | Request::LastTurn { .. }
        | Request::TakeOver { .. }
        | Request::GiveBack { .. }
        | Request::Keys { .. }
        | Request::ReadMessages
        | Request::TakeBack { .. }
        | Request::PutBack { .. }
        | Request::Answer { .. }
        | Request::Stop { .. }
        | Request::Status
        | Request::Subscribe { .. }
        | Request::Tail { .. }
        | Request::Unknown => None,
    }
}

/// Asks the shim of `files`, waiting for one that is only coming up. One that is gone is an error at once.
pub(crate) async fn ask(files: &LaneFiles, request: &Request) -> Result<Reply> {
    let began = Instant::now();
    loop {
        match Talk::open(files).await {
            Ok(mut talk) => return talk.ask(request).await,
            Err(e)
                if files.shim().exists()
                    || files.exit().exists()
                    || began.elapsed() > COMING_UP =>
            {
                return Err(e);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
