//! Turns a launch into the child's command: the one place where its environment and its confinement are set.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use mission_sandbox::{Access, Confined, Confinement, Hold, Limits, Network};

use crate::error::{Error, Result};
use crate::files;
use crate::spec::LaunchSpec;

/// Where a child looks for programs when its environment names no PATH.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns the child's command and what will hold it: its environment is `spec.env` and the `MISSION_` names, nothing inherited;
/// `mission` is on its PATH. The memory limit is watched by the shim, since a data limit per process fails programs that only reserve.
pub fn command(spec: &LaunchSpec, socket: &Path) -> Result<(Command, Confinement)> {
    let missing = || Error::BadSpec(format!("runtime `{}` has no command", spec.runtime));
    let (program, arguments) = spec.command.split_first().ok_or_else(missing)?;
    let env = environment(spec, socket)?;
    if !spec.access.confined {
        let held = Confinement { filesystem: Hold::NotAsked, network: Hold::NotAsked };
        return Ok((unconfined(program, arguments, &spec.cwd, &env), held));
    }
    let access = access(spec, &env);
    let confined = Confined {
        program: PathBuf::from(program),
        args: arguments.to_vec(),
        cwd: spec.cwd.clone(),
        env,
        access,
        limits: Limits::default(),
        network: Network::Allowed,
    };
    confined.into_std_command().map_err(|e| Error::BadSpec(e.to_string()))
}

/// Without the sandbox's trials of what this machine can hold, which cost more than the start itself.
#[expect(clippy::disallowed_methods, reason = "this crate starts the agents")]
fn unconfined(
    program: &str,
    arguments: &[String],
    cwd: &Path,
    env: &BTreeMap<String, String>,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(cwd).env_clear().envs(env);
    command
}

fn environment(spec: &LaunchSpec, socket: &Path) -> Result<BTreeMap<String, String>> {
    let mut env = BTreeMap::from([
        ("MISSION_ATTEMPT".to_owned(), spec.attempt.to_string()),
        ("MISSION_TICKET".to_owned(), spec.ticket.to_string()),
        ("MISSION_ROLE".to_owned(), spec.role.to_string()),
        ("MISSION_GATE".to_owned(), spec.gate.to_string()),
        ("MISSION_BRIEF".to_owned(), spec.brief_file.display().to_string()),
    ]);
    if spec.access.confined {
        let own = spec.lane_dir.join("tmp");
        files::private_dir(&own)?;
        env.insert("TMPDIR".to_owned(), own.display().to_string());
    }
    env.extend(spec.env.clone());
    env.insert("MISSION_SOCKET".to_owned(), socket.display().to_string());
    let path = spec.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    env.insert("PATH".to_owned(), format!("{}:{path}", mission_on_path(spec)?));
    Ok(env)
}

/// The system, the toolchains on the PATH, the workspace, the brief, and what the launch lists.
fn access(spec: &LaunchSpec, env: &BTreeMap<String, String>) -> Access {
    let tmp = env.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let mut access = Access::standard(env, &spec.cwd, &tmp)
        .with_read(&spec.brief_file)
        .with_read(spec.files().bin())
        .with_read(&spec.mission_exe);
    for path in &spec.access.read_only {
        access = access.with_read(path);
    }
    for path in &spec.access.writable {
        access = access.with_write(path);
    }
    access
}

/// Makes the lane's folder with `mission` in it and returns its path.
fn mission_on_path(spec: &LaunchSpec) -> Result<String> {
    let bin = spec.files().bin();
    std::fs::create_dir_all(&bin).map_err(Error::file(&bin))?;
    let link = bin.join("mission");
    match symlink(&spec.mission_exe, &link) {
        Ok(()) => Ok(bin.display().to_string()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(bin.display().to_string()),
        Err(e) => Err(Error::file(link)(e)),
    }
}
