//! `mission lane-guard`: what stands on a lane's PATH in front of guarded programs. It lets through what the policy does
//! not name, and turns the rest into a request for a person's approval. It stops nobody who goes around it: that is what
//! the sandbox is for.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mission_domain::rules::Policy;
use mission_domain::ticket::quoted;

use crate::context::note;

/// The exit code of a command that was asked for and not run.
const ASKED: u8 = 77;

/// The exit code of a program that is not there, as shells have it.
const NOT_FOUND: u8 = 127;

/// Words of git that are its own, and no alias: only others are looked up.
const GIT_WORDS: [&str; 30] = [
    "add",
    "am",
    "apply",
    "bisect",
    "blame",
    "branch",
    "checkout",
    "cherry-pick",
    "clean",
    "clone",
    "commit",
    "config",
    "describe",
    "diff",
    "fetch",
    "grep",
    "init",
    "log",
    "ls-files",
    "merge",
    "mv",
    "pull",
    "rebase",
    "reset",
    "restore",
    "rev-parse",
    "rm",
    "show",
    "stash",
    "status",
];

/// Options of git whose value is the next word.
const GIT_VALUES: [&str; 7] =
    ["-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source"];

/// Runs `program` with `args`, or asks a person to.
pub(crate) fn run(policy: &Path, program: &str, args: &[String]) -> ExitCode {
    let argv: Vec<String> = std::iter::once(program.to_owned()).chain(args.to_vec()).collect();
    let real = real_program(program);
    // A policy that cannot be read guards everything.
    let why = match read(policy) {
        None => Some(format!("the policy `{}` cannot be read", policy.display())),
        Some(policy) => policy.guards(&argv).or_else(|| {
            let meant = real.as_deref().and_then(|git| behind_alias(git, &argv))?;
            policy.guards(&meant).map(|why| format!("{why}; it is an alias"))
        }),
    };
    match why {
        Some(why) => ask(&argv, &why),
        None => instead(real.as_deref(), program, args),
    }
}

fn read(policy: &Path) -> Option<Policy> {
    serde_json::from_slice(&std::fs::read(policy).ok()?).ok()
}

/// Asks through the lane's shim, and says so: nothing was run.
fn ask(argv: &[String], why: &str) -> ExitCode {
    let line = argv.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(" ");
    let socket = std::env::var_os("MISSION_SOCKET").map(PathBuf::from);
    let cwd = std::env::current_dir();
    let asked = match (&socket, cwd) {
        (Some(socket), Ok(cwd)) => {
            mission_runtime::lane_client::approval(socket, argv, &cwd).map_err(|e| e.in_full())
        }
        (None, _) => Err("MISSION_SOCKET is not set".into()),
        (_, Err(error)) => Err(format!("the working directory is not there: {error}")),
    };
    match asked {
        Ok(id) => {
            note(&format!("asked for approval {id}; not run: `{line}`"));
            note(&format!(
                "{why}. A person sees this exact command and this working copy as it is now. If it is approved, Mission \
                 Control runs it and a message tells you. Leave the files here as they are until then, and go on \
                 without it or end your turn."
            ));
        }
        Err(error) => {
            note(&format!("not run: `{line}`"));
            note(&format!("{why}, and no approval could be asked for: {error}"));
        }
    }
    ExitCode::from(ASKED)
}

/// Becomes the real program.
#[expect(clippy::disallowed_methods, reason = "a guard that lets a command through becomes it")]
fn instead(real: Option<&Path>, program: &str, args: &[String]) -> ExitCode {
    let Some(real) = real else {
        note(&format!("{program}: command not found"));
        return ExitCode::from(NOT_FOUND);
    };
    let error = std::process::Command::new(real).args(args).exec();
    note(&format!("{program}: {error}"));
    ExitCode::from(NOT_FOUND - 1)
}

/// Returns the program on the PATH that is not the lane's own guard.
fn real_program(program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let guards = std::env::var_os("MISSION_LANE_DIR").map(|it| PathBuf::from(it).join("bin"));
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).filter(|it| Some(it) != guards.as_ref());
    folders.map(|it| it.join(program)).filter(is_program).find(|it| !is_guard(it))
}

/// Returns whether `path` is a guard like this one, wherever it stands.
fn is_guard(path: &Path) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    let head = String::from_utf8_lossy(bytes.get(..2_048.min(bytes.len())).unwrap_or_default());
    head.starts_with("#!") && head.contains(" lane-guard ")
}

/// Returns where the word stands that says what git is to do: behind its options and their values.
fn verb_at(argv: &[String]) -> Option<usize> {
    let mut at = 1;
    while argv.get(at)?.starts_with('-') {
        at += if GIT_VALUES.contains(&argv[at].as_str()) { 2 } else { 1 };
    }
    (at < argv.len()).then_some(at)
}

/// Returns what `git NAME …` means where `NAME` is an alias of the repository's or the user's.
#[expect(clippy::disallowed_methods, reason = "only git knows its aliases")]
fn behind_alias(git: &Path, argv: &[String]) -> Option<Vec<String>> {
    if argv.first()? != "git" {
        return None;
    }
    let at = verb_at(argv)?;
    let name = argv.get(at)?;
    if GIT_WORDS.contains(&name.as_str()) {
        return None;
    }
    // The options before it may themselves define the alias, or say where it is looked up.
    let mut command = std::process::Command::new(git);
    command.args(argv.get(1..at)?).args(["config", "--get", &format!("alias.{name}")]);
    let output = command.output().ok().filter(|it| it.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // A shell alias may do anything: whatever it runs meets its own guard.
    let words = text.strip_prefix('!').map_or_else(|| format!("git {text}"), str::to_owned);
    let words = words.split_whitespace().map(str::to_owned);
    Some(words.chain(argv.get(at + 1..)?.iter().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::verb_at;

    #[test]
    fn what_git_is_to_do_is_found_behind_options_and_their_values() {
        for (line, at) in [
            ("git push", Some(1)),
            ("git -c alias.p=push p origin", Some(3)),
            ("git --no-pager -C . p", Some(4)),
            ("git --git-dir=x p", Some(2)),
            ("git --version", None),
            ("git -c", None),
        ] {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(verb_at(&argv), at, "{line}");
        }
    }
}
