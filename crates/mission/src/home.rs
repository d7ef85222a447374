//! The home's folder as the command line reads it: where it is, which server is up, and this person's token.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;

/// One person's home.
#[derive(Debug, Clone)]
pub(crate) struct Home(PathBuf);

/// What `server.json` says of the server that is up.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ServerCard {
    /// Its address, like `http://127.0.0.1:4207`.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: i32,
}

impl Home {
    /// The home in `dir`, else in `$XDG_DATA_HOME/mission`, else in `~/.local/share/mission`.
    pub(crate) fn find(dir: Option<PathBuf>) -> Result<Self, Failure> {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
        let default = || {
            let data = absolute("XDG_DATA_HOME");
            let data = data.or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
            data.map(|data| data.join("mission"))
        };
        let none = || {
            Failure::usage("no home folder is named and HOME is not set")
                .hint("name one with `--home DIR` or MISSION_HOME")
        };
        let dir = dir.filter(|it| !it.as_os_str().is_empty()).or_else(default).ok_or_else(none)?;
        let dir = std::path::absolute(&dir).map_err(|e| Failure::file(&dir, &e))?;
        Ok(Self(dir))
    }

    /// The home of a process that may open none: nothing is in it.
    pub(crate) fn of_nobody() -> Self {
        Self("/nonexistent/mission".into())
    }

    /// Returns the folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }

    /// Returns the server that is up, by its card and its process; whether it answers is seen when it is asked.
    pub(crate) fn server(&self) -> Option<ServerCard> {
        let text = std::fs::read(self.0.join("server.json")).ok()?;
        let card: ServerCard = serde_json::from_slice(&text).ok()?;
        is_alive(card.pid).then_some(card)
    }

    /// Returns this person's token; none before the home was first used.
    pub(crate) fn credentials(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.0.join("credentials")).ok()?;
        let token = text.trim();
        (!token.is_empty()).then(|| token.to_owned())
    }
}

/// Returns whether the process `pid` runs, another user's included: one that only waits to be reaped serves nobody.
fn is_alive(pid: i32) -> bool {
    mission_runtime::proc_tree::process(pid).is_some_and(|it| !it.is_zombie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_a_process_that_is_gone_is_no_server() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::find(Some(dir.path().into())).expect("a home");
        assert!(home.server().is_none());
        let card =
            |pid: u32| format!("{{\"url\":\"http://127.0.0.1:1\",\"pid\":{pid},\"more\":1}}");
        std::fs::write(dir.path().join("server.json"), card(std::process::id())).expect("written");
        assert_eq!(home.server().map(|it| it.url).as_deref(), Some("http://127.0.0.1:1"));
        std::fs::write(dir.path().join("server.json"), card(0)).expect("written");
        assert!(home.server().is_none());
    }
}
