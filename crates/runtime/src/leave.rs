//! Asks a lane at work to let go of messages that wait in it.

use std::time::Duration;

use mission_domain::ids::MessageId;

use crate::error::{Error, Result};
use crate::files::{LaneFiles, ProcessCard};
use crate::shim_protocol::{Request, ShimConnection};

/// How long a shim is given for its answer: it does one thing after another, and one of them may be a slow fsync.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the lane `files` let go of `messages`. Returns false where its program has one of them already, or is being given it: then
/// it keeps all. Blocks for up to ten seconds.
///
/// # Errors
/// The lane is only coming up, has ended, does not answer, or is of a version that knows no such thing.
pub fn take_back(files: &LaneFiles, messages: &[MessageId]) -> Result<bool> {
    match asked(files, &Request::TakeBack { messages: messages.to_vec() }) {
        Ok(()) => Ok(true),
        Err(Error::Refused { code, .. }) if code == "begun" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has the lane `files` take `messages` again where they come again, those of them that it let go of. Blocks for up to ten seconds.
///
/// # Errors
/// As for [`take_back`].
pub fn put_back(files: &LaneFiles, messages: &[MessageId]) -> Result<()> {
    asked(files, &Request::PutBack { messages: messages.to_vec() })
}

fn asked(files: &LaneFiles, request: &Request) -> Result<()> {
    let card = ProcessCard::read(&files.shim()).ok_or_else(|| Error::Unreachable {
        socket: files.shim(),
        source: std::io::ErrorKind::NotFound.into(),
    })?;
    ShimConnection::open(&card.socket, PATIENCE)?.ask(request).map(|_| ())
}
