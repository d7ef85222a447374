//! The demo's server, in this process.

use std::path::PathBuf;

use super::link::Link;
use super::stage::Stage;
use crate::commands::up;
use crate::failure::{Exit, Failure};

/// A server that is up.
pub(super) struct Served {
    running: up::Running,
}

/// Starts the server on the demo's home and marks that home as the demo's.
pub(super) async fn start(stage: &Stage) -> Result<Served, Failure> {
    let settings = up::Settings {
        demo: true,
        retry_base_ms: Some(stage.retry_base_ms()),
        ..up::Settings::default()
    };
    let running = up::start(&stage.home()?, settings).await;
    running
        .map(|running| Served { running })
        .map_err(|e| failed("the demo's server does not start", &e))
}

impl Served {
    /// Returns its address.
    pub(super) fn url(&self) -> &str {
        &self.running.url
    }

    /// Returns the one-time link that signs a person in, where there is one.
    pub(super) fn sign_in_link(&self) -> Option<&str> {
        Some(self.running.sign_in_link.as_str()).filter(|link| !link.is_empty())
    }

    /// Returns the way in of the person whose home this is.
    pub(super) fn person(&self) -> Link {
        Link::to(self.running.url.clone(), self.running.token.clone())
    }

    /// Returns the way in of the scripted person.
    pub(super) fn scripted(&self) -> Link {
        Link::to(self.running.url.clone(), self.running.scripted_token.clone())
    }

    /// Stops the server and every lane.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        let stopped = self.running.stop(true).await;
        stopped.map_err(|e| failed("the demo's server does not stop", &e))
    }
}

/// Returns the program that runs now: the agents, the preview and the last checks use the same.
pub(super) fn exe() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe();
    here.map_err(|e| {
        Failure::new(Exit::No, "file", format!("the own program cannot be found: {e}"))
    })
}

fn failed(what: &str, error: &anyhow::Error) -> Failure {
    Failure::new(Exit::No, "demo_server", format!("{what}: {error:#}"))
}
