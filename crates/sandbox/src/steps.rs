//! Turns a description into a command whose child confines itself before it starts the program.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    path_beneath_rules,
};

use crate::sys::{IdMaps, Steps, before_exec};
use crate::view::View;
use crate::{Access, Confined, Confinement, Error, Hold, Network, Result, probe};

/// The newest kernel interface whose rights are used here; older kernels get what they know of it.
const NEWEST: ABI = ABI::V6;

/// How the process will be owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This crate: own session, dies with its thread, memory is watched.
    Here,
    /// The caller.
    Caller,
}

impl Confined {
    /// Returns a command that confines itself when it is started, and what will be enforced.
    ///
    /// Wall time and output are the caller's to limit, and so are process groups and the end of the tree. Where a
    /// confinement that was promised cannot be entered, starting fails.
    ///
    /// # Errors
    /// [`Error::Rules`] where the kernel refuses the list of paths.
    pub fn into_std_command(self) -> Result<(Command, Confinement)> {
        self.prepare(Owner::Caller)
    }

    pub(crate) fn prepare(self, owner: Owner) -> Result<(Command, Confinement)> {
        let support = probe();
        let mut steps = Steps::default();
        let filesystem = match &self.access {
            Access::Unrestricted => Hold::NotAsked,
            Access::Listed { read, write } => {
                let has_rules = support.landlock_version.is_some();
                if has_rules {
                    steps.ruleset = ruleset(read, write)?;
                }
                if support.view {
                    let tmp = self.env.get("TMPDIR").map(Path::new);
                    steps.view = View::of(read, write, tmp, &self.cwd, !has_rules);
                }
                steps.drop_powers = nix::unistd::geteuid().is_root();
                if support.view && steps.view.is_none() {
                    let why = "this machine has no folder to put a view together on".into();
                    Hold::Partly { why }
                } else {
                    support.filesystem.clone()
                }
            }
        };
        let network = match self.network {
            Network::Allowed => Hold::NotAsked,
            Network::Refused => {
                steps.private_network = support.network == Hold::Enforced;
                support.network.clone()
            }
        };
        let needs_namespaces = steps.private_network || steps.view.is_some();
        steps.user_namespace = (needs_namespaces && support.needs_user_namespace).then(IdMaps::own);
        match owner {
            Owner::Here => (steps.new_session, steps.die_with_parent) = (true, true),
            Owner::Caller => steps.data_limit = self.limits.memory_bytes,
        }
        Ok((self.command(steps), Confinement { filesystem, network }))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "starting confined commands is what this crate is for"
    )]
    fn command(self, steps: Steps) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.cwd).env_clear().envs(&self.env);
        before_exec(&mut command, steps);
        command
    }
}

fn ruleset(read: &[PathBuf], write: &[PathBuf]) -> Result<Option<OwnedFd>> {
    let build = || -> std::result::Result<Option<OwnedFd>, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(NEWEST)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(NEWEST)))?;
        Ok(ruleset.into())
    };
    build().map_err(|error| Error::Rules { why: error.to_string() })
}
