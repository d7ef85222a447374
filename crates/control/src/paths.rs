//! Where things are in a home.

use std::path::{Path, PathBuf};

use mission_domain::ids::{AttemptId, TicketKey};

/// The folders and files of one home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomePaths {
    root: PathBuf,
}

impl HomePaths {
    /// Names the home at `root`; touches nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folders that are missing, readable by their owner alone.
    ///
    /// # Errors
    /// What the system said.
    pub fn create(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        for dir in [self.root.clone(), self.lanes(), self.workspaces(), self.log(), self.runner()] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Ok(())
    }

    /// Returns the home itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the home's own settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Returns the file that tells where a running server is.
    pub fn server(&self) -> PathBuf {
        self.root.join("server.json")
    }

    /// Returns the file with this person's token.
    pub fn credentials(&self) -> PathBuf {
        self.root.join("credentials")
    }

    /// Returns the folder of all lanes.
    pub fn lanes(&self) -> PathBuf {
        self.root.join("lanes")
    }

    /// Returns the folder of one attempt: journal, socket, exit record.
    pub fn lane(&self, attempt: AttemptId) -> PathBuf {
        self.lanes().join(attempt.to_string())
    }

    /// Returns the folder of all working copies.
    pub fn workspaces(&self) -> PathBuf {
        self.root.join("workspaces")
    }

    /// Returns a ticket's private working copy.
    pub fn workspace(&self, ticket: &TicketKey) -> PathBuf {
        self.workspaces().join(ticket.to_string())
    }

    /// Returns the disposable copy of an attempt that may only read.
    pub fn copy(&self, ticket: &TicketKey, attempt: AttemptId) -> PathBuf {
        self.workspaces().join(format!("{ticket}.{attempt}"))
    }

    /// Returns the folder for clean checkouts; what is in it is never kept.
    pub fn scratch(&self) -> PathBuf {
        self.workspaces().join("scratch")
    }

    /// Returns the folder of what checks came to before, per tree.
    pub fn checks(&self) -> PathBuf {
        self.root.join("checks")
    }

    /// Returns the folder of the keys that packets are signed with.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Returns the folder of logs.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Returns the folder of the local runner.
    pub fn runner(&self) -> PathBuf {
        self.root.join("runner")
    }

    /// Returns the socket of the home's own tmux.
    pub fn tmux(&self) -> PathBuf {
        self.root.join("tmux.sock")
    }
}
