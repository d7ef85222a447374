//! Opens windows in tmux through one client in control mode per server. The client is attached to a ticket's session and ends with it:
//! where there is no session, there is no client.

mod client;
mod lines;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::proc_tree;
use crate::runner::tmux::client::Client;
use crate::spec::{LaunchSpec, TmuxPlace};

/// How often a server that is just ending is tried again.
const TRIES: u32 = 5;

/// Between two tries, and between two looks.
const AGAIN: Duration = Duration::from_millis(20);

/// The size of a window that nobody looks at.
const SIZE: [&str; 4] = ["-x", "200", "-y", "50"];

/// Says which process a new window has: the shim.
const SAY_PID: [&str; 3] = ["-P", "-F", "#{pane_pid}"];

/// The client is there for commands: it shows nothing and makes no window smaller.
const QUIET: [&str; 2] = ["-f", "no-output,ignore-size"];

/// The tmux servers that this runner speaks to, by their socket. One order at a time: two windows for one session at once would race
/// over who makes it.
#[derive(Debug, Default)]
pub(crate) struct Tmux(Mutex<BTreeMap<PathBuf, Client>>);

/// The shim in a window that was opened.
#[derive(Debug)]
pub(crate) struct Window {
    pid: i32,
    start_time: Option<u64>,
}

impl Window {
    fn of(printed: &str) -> Result<Self, String> {
        let pid = printed.trim().parse().map_err(|_| format!("it names no process: {printed}"))?;
        Ok(Self { pid, start_time: proc_tree::process(pid).map(|it| it.start_time) })
    }

    /// Waits until the shim has ended.
    pub(crate) async fn closed(self) -> String {
        while self.start_time.is_some_and(|start| proc_tree::is_alive(self.pid, start)) {
            tokio::time::sleep(AGAIN).await;
        }
        "its window closed".to_owned()
    }
}

impl Tmux {
    /// Opens the window of `spec` at `place` with its shim in it, making the session first where there is none.
    pub(crate) async fn open(&self, spec: &LaunchSpec, place: &TmuxPlace) -> Result<Window> {
        let mut clients = self.0.lock().await;
        let orders = Orders::of(spec, place);
        let mut said = String::new();
        for _ in 0..TRIES {
            clients.retain(|_, client| client.is_alive());
            match orders.carry_out(&mut clients).await? {
                Ok(window) => return Ok(window),
                Err(why) => said = why,
            }
            tokio::time::sleep(AGAIN).await;
        }
        Err(Error::BadSpec(format!("tmux opened no window for `{}`: {said}", spec.attempt)))
    }
}

/// What has to be said to tmux for one window.
struct Orders<'a> {
    place: &'a TmuxPlace,
    shim: [String; 4],
}

impl<'a> Orders<'a> {
    fn of(spec: &LaunchSpec, place: &'a TmuxPlace) -> Self {
        let (exe, dir) = (spec.mission_exe.display(), spec.lane_dir.display());
        Self { place, shim: ["--".into(), exe.to_string(), "lane-shim".into(), dir.to_string()] }
    }

    /// Opens the window; what tmux says against it is the inner error.
    async fn carry_out(
        &self,
        clients: &mut BTreeMap<PathBuf, Client>,
    ) -> Result<Result<Window, String>> {
        let socket = &self.place.socket;
        if let Some(client) = clients.get_mut(socket) {
            return match client.ask(&self.new_session(&["-d"])).await? {
                Err(said) if is_taken(&said) => self.add_to(client).await,
                reply => Ok(reply.and_then(|printed| Window::of(&printed))),
            };
        }
        let said = match Client::start(socket, &self.new_session(&QUIET)).await? {
            Ok((client, printed)) => {
                clients.insert(socket.clone(), client);
                return Ok(Window::of(&printed));
            }
            Err(said) => said,
        };
        if !is_taken(&said) {
            return Ok(Err(said));
        }
        let session = format!("={}", self.place.session);
        let attach = [&["attach-session", "-t", &session], &QUIET[..]].concat();
        match Client::start(socket, &attach).await? {
            Ok((client, _)) => {
                let client = clients.entry(socket.clone()).or_insert(client);
                self.add_to(client).await
            }
            Err(said) => Ok(Err(said)),
        }
    }

    async fn add_to(&self, client: &mut Client) -> Result<Result<Window, String>> {
        let target = format!("={}:", self.place.session);
        let new_window = ["new-window", "-d", "-t", &target, "-n", &self.place.window];
        let words = [&new_window[..], &SAY_PID, &self.shim()].concat();
        Ok(client.ask(&words).await?.and_then(|printed| Window::of(&printed)))
    }

    fn new_session<'b>(&'b self, how: &[&'b str]) -> Vec<&'b str> {
        let named = ["new-session", "-s", &self.place.session, "-n", &self.place.window];
        [&named[..], &SIZE, &SAY_PID, how, &self.shim()].concat()
    }

    fn shim(&self) -> [&str; 4] {
        self.shim.each_ref().map(String::as_str)
    }
}

fn is_taken(said: &str) -> bool {
    said.contains("duplicate session")
}
