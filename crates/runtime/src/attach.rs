//! How a person gets to an agent's own screen: its window, or a second client of its session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::drivers::{native, plan};
use crate::error::Result;
use crate::record::Record;
use crate::record_log::read_after;
use crate::spec::{Driver, LaunchSpec, TmuxPlace};

/// What there is to attach to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// A window of tmux.
    Window(TmuxPlace),
    /// A program that joins the agent's session as a second client; what is typed there is a turn of the same session.
    Client(Client),
    /// Nothing but the journal; what a person says goes the way of all messages.
    None,
}

/// A program to be started in the person's own terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its whole environment but for the terminal's own variables.
    pub env: BTreeMap<String, String>,
    /// Where it starts.
    pub cwd: PathBuf,
}

/// Returns the screen of the lane at `lane_dir`. A session that has not been opened yet has none.
pub fn screen(lane_dir: &Path) -> Result<Screen> {
    let spec = LaunchSpec::read(lane_dir)?;
    match (spec.driver, &spec.tmux) {
        (Driver::Tmux, Some(place)) => Ok(Screen::Window(place.clone())),
        (Driver::Codex, _) => codex(&spec),
        (Driver::Tmux | Driver::Exec | Driver::Claude | Driver::Acp, _) => Ok(Screen::None),
    }
}

/// Its own screen joins the thread through the app-server's socket. Without the daemon and updates that it would start.
fn codex(spec: &LaunchSpec) -> Result<Screen> {
    let records = read_after(&spec.files().records(), 0)?;
    let thread = records.into_iter().rev().find_map(|it| match it.record {
        Record::Session { session, .. } => Some(session),
        _ => None,
    });
    let Some(thread) = thread else { return Ok(Screen::None) };
    let path = spec.env.get("PATH").map_or("", String::as_str);
    let name = spec.command.first().map_or("codex", String::as_str);
    let program = native::find(name, path, &native::CODEX).program;
    let socket = plan::codex_socket(spec)?;
    let command = [
        program.display().to_string(),
        "-c".into(),
        "features.daemon_auto_start=false".into(),
        "-c".into(),
        "check_for_update_on_startup=false".into(),
        "--remote".into(),
        format!("unix://{}", socket.display()),
        "resume".into(),
        thread,
    ];
    // The lane's token is the agent's, not the person's.
    let env = spec.env.iter().filter(|(name, _)| !name.starts_with("MISSION_"));
    let env = env.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(Screen::Client(Client { command: command.into(), env, cwd: spec.cwd.clone() }))
}
