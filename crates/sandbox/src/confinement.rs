//! What was really enforced for one command, so that a record can say it.

use serde::{Deserialize, Serialize};

/// How strongly one bound is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum Hold {
    /// Nobody asked for a bound.
    NotAsked,
    /// The kernel enforces it.
    Enforced,
    /// The kernel enforces it with a gap.
    Partly {
        /// The gap.
        why: String,
    },
    /// Asked for and not enforced: the command was only told, by its environment and working directory.
    Discouraged {
        /// Why this machine cannot enforce it.
        why: String,
    },
}

/// What holds one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Reading and writing of files.
    pub filesystem: Hold,
    /// Everything beyond loopback.
    pub network: Hold,
}

impl Hold {
    /// Returns whether the bound is fully enforced, or was never asked for.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::NotAsked | Self::Enforced)
    }
}

impl Confinement {
    /// Returns whether everything that was asked for is fully enforced.
    pub fn is_kept(&self) -> bool {
        self.filesystem.is_kept() && self.network.is_kept()
    }

    /// Returns the gaps as sentences for a person; empty where everything is kept.
    pub fn gaps(&self) -> Vec<String> {
        let gap = |what: &str, hold: &Hold| match hold {
            Hold::NotAsked | Hold::Enforced => None,
            Hold::Partly { why } => Some(format!("{what} is confined with a gap: {why}")),
            Hold::Discouraged { why } => Some(format!("{what} is not confined: {why}")),
        };
        [gap("the filesystem", &self.filesystem), gap("the network", &self.network)]
            .into_iter()
            .flatten()
            .collect()
    }
}
