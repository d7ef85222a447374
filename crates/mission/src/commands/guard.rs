//! `mission lane-guard`: what stands on a lane's PATH in front of guarded programs. It lets through what the policy does
//! not name, and turns the rest into a request for a person's approval. It stops nobody who goes around it: that is what
//! the sandbox is for.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mission_domain::guard::GIT_VALUES;
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

/// How many aliases may follow one another; git itself refuses a circle.
const MOST_ALIASES: usize = 10;

/// Runs `program` with `args`, or asks a person to.
pub(crate) fn run(policy: &Path, program: &str, args: &[String]) -> ExitCode {
    let argv: Vec<String> = std::iter::once(program.to_owned()).chain(args.to_vec()).collect();
    let real = real_program(program);
    // A policy that cannot be read guards everything.
    let why = match read(policy) {
        None => Some(format!("the policy `{}` cannot be read", policy.display())),
        Some(policy) => policy.guards(&argv).or_else(|| {
            let git = real.as_deref().filter(|_| argv[0] == "git")?;
            by_alias(&policy, argv.clone(), |at, name| alias(git, at, name))
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
    let mut head = Vec::new();
    let Ok(file) = std::fs::File::open(path) else { return false };
    if file.take(2_048).read_to_end(&mut head).is_err() {
        return false;
    }
    let head = String::from_utf8_lossy(&head);
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

/// Returns why `argv` needs a person for what its aliases mean: one may lead to another. `alias` returns the text of one,
/// looked up with the options that stand before it.
fn by_alias(
    policy: &Policy,
    mut argv: Vec<String>,
    alias: impl Fn(&[String], &str) -> Option<String>,
) -> Option<String> {
    for _ in 0..MOST_ALIASES {
        let at = verb_at(&argv)?;
        let (name, rest) = argv.get(at..)?.split_first()?;
        if GIT_WORDS.contains(&name.as_str()) {
            return None;
        }
        let options = argv.get(1..at)?;
        let text = alias(options, name)?;
        // Git runs its line with its own programs first on the PATH, where no guard stands.
        if text.starts_with('!') {
            return Some(format!("`{name}` is an alias for a line of shell; say what it does"));
        }
        // Git reads quotes in it: without them, more is taken for guarded and nothing for less.
        let meant = text.split_whitespace().map(|it| it.replace(['\'', '"', '\\'], ""));
        let whole = std::iter::once("git".to_owned()).chain(options.to_vec()).chain(meant);
        let next: Vec<String> = whole.chain(rest.iter().cloned()).collect();
        if let Some(why) = policy.guards(&next) {
            return Some(format!("{why}; it is an alias"));
        }
        argv = next;
    }
    Some(format!("more than {MOST_ALIASES} aliases follow one another"))
}

/// Returns the text of git's alias `name`, looked up as `options` say: they may themselves define it.
#[expect(clippy::disallowed_methods, reason = "only git knows its aliases")]
fn alias(git: &Path, options: &[String], name: &str) -> Option<String> {
    let mut command = std::process::Command::new(git);
    command.args(options).args(["config", "--get", &format!("alias.{name}")]);
    let output = command.output().ok().filter(|it| it.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use mission_domain::rules::Policy;

    use super::{by_alias, verb_at};

    #[test]
    fn what_is_guarded_is_found_behind_any_row_of_aliases_and_a_line_of_shell_always_asks() {
        let guard = vec![vec!["git".to_owned(), "push".to_owned()]];
        let id = "default".into();
        let policy = Policy { id, guard, protect: Vec::new(), approval_expires_s: 60 };
        let why = |line: &str, aliases: &[(&str, &str)]| {
            let argv = line.split(' ').map(str::to_owned).collect();
            by_alias(&policy, argv, |_, name| {
                aliases.iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
            })
        };
        assert_eq!(why("git st", &[("st", "status -s")]), None);
        assert_eq!(why("git lg", &[]), None);
        assert_eq!(why("git c -m push", &[("c", "commit")]), None);
        assert!(why("git p", &[("p", "push origin")]).is_some());
        assert!(why("git p", &[("p", "'pu's\\h origin")]).is_some());
        assert!(why("git a x", &[("a", "--no-pager b"), ("b", "push")]).is_some());
        assert!(why("git -C . q", &[("q", "!f() { git push; }; f")]).is_some());
        assert!(why("git a", &[("a", "b"), ("b", "a")]).is_some());
    }

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
