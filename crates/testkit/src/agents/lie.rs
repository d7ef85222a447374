//! How an agent lies: it claims a result by itself, past the command that would have run it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{CommandClaim, Evidence};
use serde_json::json;

use crate::error::system;
use crate::{Error, Result};

/// Claims to the shim that `run` exited with 0, without running it.
pub(super) fn claim_passed(run: &str) -> Result<()> {
    let socket = std::env::var_os("MISSION_SOCKET").map(PathBuf::from);
    let socket = socket.ok_or_else(|| Error::Unexpected("`MISSION_SOCKET` is not set".into()))?;
    let evidence = Evidence {
        kind: EvidenceKind::Commands,
        text: String::new(),
        command: Some(CommandClaim { run: run.into(), exit_code: 0, duration_ms: Some(840) }),
        url: None,
        file: None,
        artifact: None,
        paths: Vec::new(),
        answer: None,
    };
    let request = json!({ "op": "evidence", "value": evidence });
    let say = || -> std::io::Result<String> {
        let mut shim = BufReader::new(UnixStream::connect(&socket)?);
        let mut line = String::new();
        shim.read_line(&mut line)?;
        shim.get_mut().write_all(format!("{request}\n").as_bytes())?;
        line.clear();
        shim.read_line(&mut line)?;
        Ok(line)
    };
    let reply = say().map_err(system("speak to the shim"))?;
    let is_kept = serde_json::from_str::<serde_json::Value>(&reply)
        .is_ok_and(|reply| reply["reply"] == "ack");
    let refused = || Error::Unexpected(format!("the shim answered `{}`", reply.trim()));
    is_kept.then_some(()).ok_or_else(refused)
}
