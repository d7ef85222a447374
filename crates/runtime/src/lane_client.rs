//! How the commands inside a lane reach their shim: blocking, without a server, named by `MISSION_SOCKET`.

use std::path::Path;
use std::time::Duration;

use mission_domain::ids::ApprovalId;

use crate::error::{Error, Result};
use crate::shim_protocol::{Reply, Request, ShimConnection};

/// How long a command inside a lane waits for its shim: longer than the slowest fsync of a loaded disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Hands a report to the shim at `socket`. Returns its record number: it is on the disk, and is forwarded once a server is there.
pub fn report(socket: &Path, value: serde_json::Value) -> Result<u64> {
    acked(socket, Request::Report { value })
}

/// Hands a piece of evidence to the shim at `socket`. Returns its record number, as [`report`] does.
pub fn evidence(socket: &Path, value: serde_json::Value) -> Result<u64> {
    acked(socket, Request::Evidence { value })
}

/// Asks a person, through the shim at `socket`, to have a command run. Returns the approval's id.
pub fn approval(socket: &Path, argv: &[String], cwd: &Path) -> Result<ApprovalId> {
    let value = serde_json::json!({ "argv": argv, "cwd": cwd });
    let mut shim = ShimConnection::open(socket, PATIENCE)?;
    let attempt = shim.hello().attempt;
    let reply = shim.ask(&Request::Approval { value })?;
    match (reply, attempt) {
        (Reply::Ack { record }, Some(attempt)) => Ok(ApprovalId { attempt, record }),
        (
            Reply::Ack { .. }
            | Reply::Refused { .. }
            | Reply::Status { .. }
            | Reply::Record { .. }
            | Reply::Tail { .. }
            | Reply::Messages { .. }
            | Reply::Unknown,
            _,
        ) => {
            let text = "the shim answered something else: its version is not this one's".into();
            Err(Error::Refused { code: "bad_request".into(), text })
        }
    }
}

fn acked(socket: &Path, request: Request) -> Result<u64> {
    let reply = ShimConnection::open(socket, PATIENCE)?.ask(&request)?;
    match reply {
        Reply::Ack { record } => Ok(record),
        Reply::Refused { code, text } => Err(Error::Refused { code, text }),
        Reply::Status { .. }
        | Reply::Record { .. }
        | Reply::Tail { .. }
        | Reply::Messages { .. }
        | Reply::Unknown => Err(something_else()),
    }
}

/// Takes the messages that wait for the lane whose shim listens at `socket`. They are delivered with it.
pub fn read_messages(socket: &Path) -> Result<Vec<String>> {
    match ShimConnection::open(socket, PATIENCE)?.ask(&Request::ReadMessages)? {
        Reply::Messages { texts } => Ok(texts),
        Reply::Refused { code, text } => Err(Error::Refused { code, text }),
        Reply::Ack { .. }
        | Reply::Status { .. }
        | Reply::Record { .. }
        | Reply::Tail { .. }
        | Reply::Unknown => Err(something_else()),
    }
}

fn something_else() -> Error {
    let text = "the shim answered something else: its version is not this one's".into();
    Error::Refused { code: "bad_request".into(), text }
}
