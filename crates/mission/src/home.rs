//! The home's folder as the command line reads it: where it is, which server is up, and this person's token.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_runtime::proc_tree;
use serde::Deserialize;

use crate::failure::Failure;

/// How long a server of an earlier version may take to be connected to; it is on this machine.
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// When that process started, in clock ticks since boot: after a crash another one may have its number.
    #[serde(default)]
    pid_start_time: Option<u64>,
}

impl ServerCard {
    /// Returns what this process says of itself as the server at `url`.
    pub(crate) fn own(url: &str) -> serde_json::Value {
        let pid = std::process::id();
        let start = proc_tree::process(pid.cast_signed()).map(|it| it.start_time);
        serde_json::json!({ "url": url, "pid": pid, "pid_start_time": start })
    }

    /// Returns whether the process that wrote the card runs, another user's included: one that only waits to be reaped
    /// serves nobody. A card without a start time was written by an earlier version: then somebody must answer too.
    fn is_up(&self) -> bool {
        let process = proc_tree::process(self.pid).filter(|it| !it.is_zombie);
        process.is_some_and(|it| match self.pid_start_time {
            Some(start) => it.start_time == start,
            None => self.is_answered(),
        })
    }

    fn is_answered(&self) -> bool {
        let authority = self.url.trim_start_matches("http://").trim_end_matches('/');
        let address = authority.to_socket_addrs().ok().and_then(|mut it| it.next());
        address.is_some_and(|it| TcpStream::connect_timeout(&it, PATIENCE).is_ok())
    }
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
        card.is_up().then_some(card)
    }

    /// Returns this person's token; none before the home was first used.
    pub(crate) fn credentials(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.0.join("credentials")).ok()?;
        let token = text.trim();
        (!token.is_empty()).then(|| token.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_with(card: &serde_json::Value) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::find(Some(dir.path().into())).expect("a home");
        assert!(home.server().is_none());
        std::fs::write(dir.path().join("server.json"), card.to_string()).expect("written");
        (dir, home)
    }

    #[test]
    fn a_card_is_of_a_server_only_where_its_process_is_that_very_one() {
        let mut card = ServerCard::own("http://127.0.0.1:1");
        card["more"] = 1.into();
        let (_dir, home) = home_with(&card);
        assert_eq!(home.server().map(|it| it.url).as_deref(), Some("http://127.0.0.1:1"));
        // After a crash another process has the number.
        card["pid_start_time"] = 1.into();
        assert!(home_with(&card).1.server().is_none());
        card["pid"] = 0.into();
        assert!(home_with(&card).1.server().is_none());
    }

    #[test]
    fn a_card_of_an_earlier_version_is_of_a_server_only_where_somebody_answers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let card = serde_json::json!({ "url": url, "pid": std::process::id() });
        let (_dir, home) = home_with(&card);
        assert!(home.server().is_some());
        drop(listener);
        assert!(home.server().is_none());
    }
}
