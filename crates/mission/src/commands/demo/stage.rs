//! The demo's folder: made, registered with a server, and found again by a later process.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_testkit::demo::{self, Layout, Scripted};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::link::Link;
use crate::cli::session::DemoArgs;
use crate::failure::{Exit, Failure};
use crate::home::Home;

/// What a scripted agent lets pass between two steps, in milliseconds, at normal speed and with somebody watching.
const PACE_MS: f64 = 250.0;

/// The first wait before an attempt is made again, in milliseconds, at normal speed.
const RETRY_MS: f64 = 10_000.0;

/// The file in which a later process finds how the demo was made.
const CARD: &str = "demo.json";

/// The file with the scripted person's token, for a driver that is a process of its own.
const TOKEN: &str = "scripted-token";

/// How the demo was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Card {
    with_browser: bool,
    speed: f64,
}

/// The demo's folder.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    layout: Layout,
    card: Card,
}

impl Stage {
    /// Makes repository, agents and home in `dir`, which must be missing or empty.
    pub(super) fn make(dir: &Path, args: &DemoArgs) -> Result<Self, Failure> {
        let dir = std::path::absolute(dir).map_err(|e| Failure::file(dir, &e))?;
        let card = Card { with_browser: !args.no_browser, speed: args.speed };
        let pace = if args.headless { 0.0 } else { PACE_MS / args.speed };
        let pace = Duration::from_secs_f64(pace.clamp(0.0, 60_000.0) / 1_000.0);
        let made = demo::project(&dir, &super::server::exe()?, pace);
        let layout = made.map_err(|e| Failure::new(Exit::No, "demo_folder", e.to_string()))?;
        let path = layout.root().join(CARD);
        let text = serde_json::to_vec(&card).map_err(|e| Failure::usage(e.to_string()))?;
        std::fs::write(&path, text).map_err(|e| Failure::file(&path, &e))?;
        Ok(Self { layout, card })
    }

    /// Finds the demo that an earlier process made in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        let dir = std::path::absolute(dir).map_err(|e| Failure::file(dir, &e))?;
        let path = dir.join(CARD);
        let text = std::fs::read(&path).map_err(|e| Failure::file(&path, &e))?;
        let card = serde_json::from_slice(&text)
            .map_err(|e| Failure::usage(format!("`{}` cannot be read: {e}", path.display())))?;
        Ok(Self { layout: Layout::new(dir), card })
    }

    /// Tells the server of the repository, and that its commands may be run.
    pub(super) async fn register(&self, link: &Link) -> Result<(), Failure> {
        let body = json!({ "path": self.repository(), "trust": true });
        link.post("/projects", &body).await.map(|_| ())
    }

    /// Writes down the scripted person's token for a driver that is a process of its own; readable by its owner alone.
    pub(super) fn keep_token(&self, link: &Link) -> Result<(), Failure> {
        let path = self.layout.root().join(TOKEN);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path);
        let written = file.and_then(|mut file| file.write_all(link.token().as_bytes()));
        written.map_err(|e| Failure::file(&path, &e))
    }

    /// Returns the scripted person's token, where it was written down.
    pub(super) fn token(&self) -> Result<String, Failure> {
        let path = self.layout.root().join(TOKEN);
        let text = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, &e))?;
        Ok(text.trim().to_owned())
    }

    /// Returns the folder of everything.
    pub(super) fn dir(&self) -> &Path {
        self.layout.root()
    }

    /// Returns the repository.
    pub(super) fn repository(&self) -> PathBuf {
        self.layout.repository()
    }

    /// Returns the demo's home.
    pub(super) fn home(&self) -> Result<Home, Failure> {
        Home::find(Some(self.layout.home()))
    }

    /// Returns whether the visual ticket is played.
    pub(super) fn has_browser(&self) -> bool {
        self.card.with_browser
    }

    /// Returns the first wait before an attempt is made again, in milliseconds.
    pub(super) fn retry_base_ms(&self) -> u64 {
        let wait =
            Duration::from_secs_f64((RETRY_MS / self.card.speed).clamp(1.0, 60_000.0) / 1_000.0);
        u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Returns the tickets of the script.
    pub(super) fn script(&self) -> Vec<Scripted> {
        demo::campaign(self.card.with_browser)
    }
}
