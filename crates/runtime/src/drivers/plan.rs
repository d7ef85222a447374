//! From a launch to what is started for it and how it is spoken to: one place where each driver's command line stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::drivers::{Driver, acp, claude, codex, native};
use crate::error::{Error, Result};
use crate::files;
use crate::spec::{Driver as Kind, LaunchSpec};

/// The folder of an app-server's socket, in the lane's folder: all of it that codex may write.
const CODEX_FOLDER: &str = "codex";

/// What is started, and how it is spoken to.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The launch with the program's real command, environment and folders.
    pub(crate) spec: LaunchSpec,
    /// How frames pass.
    pub(crate) link: LinkKind,
    /// Who makes sense of them.
    pub(crate) driver: Box<dyn Driver>,
}

/// How frames pass between the shim and the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// JSON lines on its standard input and output.
    Lines,
    /// WebSocket on the unix socket that it listens at.
    Socket(PathBuf),
}

/// Returns the plan of `spec`; none for a driver without a protocol. `shim` is the shim's own socket.
pub(crate) fn plan(spec: &LaunchSpec, shim: &Path) -> Result<Option<Plan>> {
    match spec.driver {
        Kind::Exec | Kind::Tmux => Ok(None),
        Kind::Codex => codex(spec, shim).map(Some),
        Kind::Claude => Ok(Some(claude(spec, shim))),
        Kind::Acp => acp(spec, shim).map(Some),
    }
}

/// Returns where the app-server of the lane `spec` listens.
pub(crate) fn codex_socket(spec: &LaunchSpec) -> Result<PathBuf> {
    files::own_socket_path(&spec.lane_dir.join(CODEX_FOLDER))
}

fn codex(spec: &LaunchSpec, shim: &Path) -> Result<Plan> {
    let socket = codex_socket(spec)?;
    let _ = std::fs::remove_file(&socket);
    let mut spec = with_program(spec);
    let listen = format!("unix://{}", socket.display());
    spec.command.extend(["app-server".into(), "--listen".into(), listen]);
    spec.access.writable.extend(socket.parent().map(Path::to_path_buf));
    spec.access.writable.extend(codex_locks());
    let setup = codex::Setup {
        cwd: spec.cwd.clone(),
        model: spec.session.model.clone(),
        resume: spec.session.resume.clone(),
        mcp: Some(mcp(&spec, shim)),
    };
    let driver = Box::new(codex::Codex::new(setup));
    Ok(Plan { spec, link: LinkKind::Socket(socket), driver })
}

/// Returns the folder in which codex keeps a lock for each socket that it listens at: it has one place for it, whatever TMPDIR says.
/// None where it cannot be had: codex then says so itself.
fn codex_locks() -> Option<PathBuf> {
    let folder = PathBuf::from(format!("/tmp/codex-daemon-{}", nix::unistd::geteuid()));
    files::private_dir(&folder).ok().map(|()| folder)
}

/// The flags that make the program ask for leave on its standard output, and name each message that it takes.
const CLAUDE_FLAGS: [&str; 11] = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--replay-user-messages",
    "--permission-mode",
    "default",
    "--permission-prompt-tool",
    "stdio",
];

fn claude(spec: &LaunchSpec, shim: &Path) -> Plan {
    let mut spec = with_program(spec);
    spec.command.extend(CLAUDE_FLAGS.iter().map(|it| (*it).to_owned()));
    if let Some(model) = &spec.session.model {
        spec.command.extend(["--model".into(), model.clone()]);
    }
    let resume = spec.session.resume.clone().filter(|it| claude_knows(&spec, it));
    let session = resume.clone().unwrap_or_else(|| {
        claude::uuid_of(&format!("{} {} {}", spec.attempt, spec.epoch.0, spec.lane_dir.display()))
    });
    let flag = if resume.is_some() { "--resume" } else { "--session-id" };
    spec.command.extend([flag.into(), session.clone()]);
    let (command, env) = mcp(&spec, shim);
    let server = json!({"command": command.first(), "args": command.get(1..), "env": env});
    let servers = json!({"mcpServers": {"mission": server}});
    spec.command.extend(["--mcp-config".into(), servers.to_string()]);
    // Six small tools: looking for them first would cost more than they do.
    spec.env.entry("ENABLE_TOOL_SEARCH".into()).or_insert_with(|| "false".into());
    let driver = Box::new(claude::Claude::new(session, resume.is_some()));
    Plan { spec, link: LinkKind::Lines, driver }
}

/// Whether claude's own folder has the conversation `session` for this workspace: it refuses to start with one that it does not know.
/// One that goes on elsewhere moves there, since not every version finds it where it was begun.
fn claude_knows(spec: &LaunchSpec, session: &str) -> bool {
    let own = spec.env.get("CLAUDE_CONFIG_DIR").map(PathBuf::from);
    let home = spec.env.get("HOME").map(|home| Path::new(home).join(".claude"));
    let Some(folder) = own.or(home).map(|it| it.join("projects")) else { return false };
    let cwd = spec.cwd.canonicalize().unwrap_or_else(|_| spec.cwd.clone());
    let slug = cwd.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let (here, name) = (folder.join(slug), format!("{session}.jsonl"));
    // What a program once told as a session's name is not to lead anywhere else.
    let is_name = session.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name && (here.join(&name).is_file() || moved_here(&folder, &here, &name))
}

/// Moves the conversation `name` from whichever workspace it is in to `here`: it is in one place at a time.
fn moved_here(folder: &Path, here: &Path, name: &str) -> bool {
    let workspaces = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // A lane may write there: a link of its making leads nowhere.
    let is_real = |it: &Path, is_dir: bool| {
        let there = std::fs::symlink_metadata(it);
        there.is_ok_and(|it| if is_dir { it.is_dir() } else { it.is_file() })
    };
    let real = workspaces.map(|it| it.path()).filter(|it| is_real(it, true));
    let mut found = real.map(|it| it.join(name)).filter(|it| is_real(it, false));
    let Some(found) = found.next() else { return false };
    let _ = std::fs::create_dir_all(here);
    if !is_real(here, true) {
        return false;
    }
    // What its tools wrote at length lies beside it; without that it is whole all the same.
    let beside = found.with_extension("");
    if is_real(&beside, true) {
        let _ = std::fs::rename(beside, here.join(name).with_extension(""));
    }
    std::fs::rename(found, here.join(name)).is_ok()
}

/// What opencode is told to ask leave for: by itself it asks for nothing.
const OPENCODE_ASKS: &str = "{\"bash\":\"ask\",\"edit\":\"ask\"}";

/// What gemini is told over its user's settings: by itself it runs commands on a terminal of their own, which a lane has none of.
const GEMINI_SETTINGS: &str = "{\"tools\":{\"shell\":{\"enableInteractiveShell\":false}}}";

/// Where gemini looks for settings that go over its user's.
const GEMINI_SETTINGS_PATH: &str = "GEMINI_CLI_SYSTEM_SETTINGS_PATH";

/// What bash reads before it runs a line, after the profile where it is a login shell.
const BASH_START: &str = "BASH_ENV";

/// Hermes takes its shell's environment from a login shell, in which the machine's profile sets PATH anew: the lane's own folder, with
/// `mission` and the guards, comes first again.
fn path_first(bin: &Path) -> String {
    let bin = bin.display().to_string().replace('\'', "'\\''");
    format!("case \"$PATH\" in\n'{bin}':*) ;;\n*) export PATH='{bin}':\"$PATH\" ;;\nesac\n")
}

fn acp(spec: &LaunchSpec, shim: &Path) -> Result<Plan> {
    let mut spec = with_program(spec);
    let program = spec.command.first().cloned().unwrap_or_default();
    match Path::new(&program).file_name().and_then(|it| it.to_str()) {
        Some("opencode") => {
            spec.env.entry("OPENCODE_PERMISSION".into()).or_insert_with(|| OPENCODE_ASKS.into());
        }
        Some("gemini") if !spec.env.contains_key(GEMINI_SETTINGS_PATH) => {
            let settings = spec.lane_dir.join("gemini.json");
            std::fs::write(&settings, GEMINI_SETTINGS).map_err(Error::file(&settings))?;
            spec.env.insert(GEMINI_SETTINGS_PATH.into(), settings.display().to_string());
            spec.access.read_only.push(settings);
        }
        Some("hermes") if !spec.env.contains_key(BASH_START) => {
            let start = spec.lane_dir.join("hermes.sh");
            std::fs::write(&start, path_first(&spec.files().bin())).map_err(Error::file(&start))?;
            spec.env.insert(BASH_START.into(), start.display().to_string());
            spec.access.read_only.push(start);
        }
        Some(_) | None => {}
    }
    let setup = acp::Setup {
        cwd: spec.cwd.clone(),
        model: spec.session.model.clone(),
        resume: spec.session.resume.clone(),
        mcp: Some(mcp(&spec, shim)),
    };
    Ok(Plan { spec, link: LinkKind::Lines, driver: Box::new(acp::Acp::new(setup)) })
}

/// Returns what a lane of `kind` starts for the program `name` where it looks for programs on `path`, and which folders it may read
/// because of it: what is installed with the program.
pub fn program_behind(kind: Kind, name: &str, path: &str) -> (PathBuf, Vec<PathBuf>) {
    let native = |package| {
        let found = native::find(name, path, package);
        (found.program, found.installation.into_iter().collect())
    };
    match kind {
        Kind::Codex => native(&native::CODEX),
        Kind::Claude => native(&native::CLAUDE),
        Kind::Acp => (name.into(), native::installation(name, path)),
        Kind::Exec | Kind::Tmux => (name.into(), Vec::new()),
    }
}

fn with_program(spec: &LaunchSpec) -> LaunchSpec {
    let mut spec = spec.clone();
    let path = spec.env.get("PATH").cloned().unwrap_or_default();
    if let Some(name) = spec.command.first_mut() {
        let (program, installation) = program_behind(spec.driver, name, &path);
        *name = program.display().to_string();
        spec.access.read_only.extend(installation);
    }
    spec
}

/// The MCP server of a lane: `mission mcp`, told which lane it is. Programs start theirs with a bare environment.
fn mcp(spec: &LaunchSpec, shim: &Path) -> (Vec<String>, BTreeMap<String, String>) {
    let command = vec![spec.mission_exe.display().to_string(), "mcp".to_owned()];
    let own = [
        ("MISSION_ATTEMPT", spec.attempt.to_string()),
        ("MISSION_TICKET", spec.ticket.to_string()),
        ("MISSION_ROLE", spec.role.to_string()),
        ("MISSION_GATE", spec.gate.to_string()),
        ("MISSION_BRIEF", spec.brief_file.display().to_string()),
        ("MISSION_LANE_DIR", spec.lane_dir.display().to_string()),
        ("MISSION_SOCKET", shim.display().to_string()),
    ];
    let kept = ["PATH", "HOME", "TMPDIR", "LANG"];
    let kept = kept.iter().filter_map(|it| Some(((*it).to_owned(), spec.env.get(*it)?.clone())));
    (command, kept.chain(own.map(|(name, value)| (name.to_owned(), value))).collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_conversation_moves_to_the_folder_in_which_it_goes_on_with_what_lies_beside_it() {
        let home = tempfile::tempdir().expect("a folder");
        let (folder, name) = (home.path(), "0a-1.jsonl");
        let (there, here) = (folder.join("-ws-MC-1"), folder.join("-ws-MC-2"));
        std::fs::create_dir_all(there.join("0a-1")).expect("a folder");
        std::fs::write(there.join("0a-1/long.txt"), "x").expect("a file");
        std::fs::write(there.join(name), "{}").expect("a file");
        assert!(!moved_here(folder, &here, "0a-2.jsonl"), "another one is nowhere");
        assert!(moved_here(folder, &here, name));
        assert!(here.join(name).is_file() && here.join("0a-1/long.txt").is_file());
        assert!(!there.join(name).exists(), "it is in one place");
    }

    #[test]
    fn a_conversation_moves_through_no_link_that_a_lane_made() {
        let home = tempfile::tempdir().expect("a folder");
        let (folder, name) = (home.path().join("projects"), "0a-1.jsonl");
        let (there, aside) = (folder.join("-ws-MC-1"), home.path().join("elsewhere"));
        std::fs::create_dir_all(&there).expect("a folder");
        std::fs::create_dir_all(&aside).expect("a folder");
        std::fs::write(there.join(name), "{}").expect("a file");
        let link = folder.join("-ws-MC-2");
        std::os::unix::fs::symlink(&aside, &link).expect("a link");
        assert!(!moved_here(&folder, &link, name), "its new folder is a link");
        assert!(there.join(name).is_file() && !aside.join(name).exists());
        std::fs::rename(&there, aside.join("real")).expect("moved");
        std::os::unix::fs::symlink(aside.join("real"), &there).expect("a link");
        assert!(!moved_here(&folder, &folder.join("-ws-MC-3"), name), "its old folder is a link");
        assert!(aside.join("real").join(name).is_file());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only bash knows what it reads")]
    fn in_a_login_shell_the_lanes_own_folder_comes_first_again() {
        let temp = tempfile::tempdir().unwrap();
        let (home, bin) = (temp.path().join("home"), temp.path().join("it's bin"));
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join(".bash_profile"), "PATH=/usr/bin:/bin\n").unwrap();
        let start = temp.path().join("start.sh");
        std::fs::write(&start, path_first(&bin)).unwrap();
        let path_in = |flags: &str, path: &str| {
            let mut bash = Command::new("bash");
            bash.args([flags, "echo \"$PATH\""]).env_clear().env("HOME", &home).env("PATH", path);
            let said = bash.env(BASH_START, &start).output().unwrap().stdout;
            String::from_utf8(said).unwrap().trim().to_owned()
        };
        let first = format!("{}:", bin.display());
        assert_eq!(path_in("-lc", "/bin"), format!("{first}/usr/bin:/bin"));
        let twice = path_in("-c", &format!("{first}/bin"));
        assert_eq!(twice, format!("{first}/bin"), "it is put there once");
    }
}
