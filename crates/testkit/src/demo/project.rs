//! Makes the demo's folder: the repository, the agents' programs beside it, and the settings of its home.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::KEY;
use crate::agents;
use crate::error::{file, system};
use crate::{Error, Result};

/// Returns a file of the site.
macro_rules! site {
    ($path:literal) => {
        ($path, include_str!(concat!("../../site/base/", $path)))
    };
}

/// The repository's files besides `mission.toml`.
const FILES: [(&str, &str); 8] = [
    site!("README.md"),
    site!("web/index.html"),
    site!("web/style.css"),
    site!("web/app.js"),
    site!("bin/price"),
    site!("docs/prices.md"),
    site!("tests/run.sh"),
    site!("tests/page.test.sh"),
];

/// One more, so that the price is tested from the start.
const PRICE_TEST: (&str, &str) = site!("tests/price.test.sh");

/// The two agents: what they are called, their runtime, and their driver. Two programs, so that one may judge the other.
const AGENTS: [(&str, &str, &str); 2] =
    [("ada", "scripted-a", "tmux"), ("bob", "scripted-b", "exec")];

/// Where things are in the demo's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Names the demo in `root`; touches nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the folder of everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the demo's own home.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// Returns the repository.
    pub fn repository(&self) -> PathBuf {
        self.root.join("harbour")
    }

    /// Returns the folder of the agents' programs.
    pub fn agents(&self) -> PathBuf {
        self.root.join("agents")
    }
}

/// Makes the demo's project below `dir`, which must be missing or empty. `mission` is the program that the agents and the preview
/// use, `pace` what an agent lets pass between two steps.
///
/// # Errors
/// The folder is in use, or git or the file system refused.
pub fn project(dir: &Path, mission: &Path, pace: Duration) -> Result<Layout> {
    let layout = Layout::new(dir);
    if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        let text = format!("`{}` is not empty; name a folder that is not there yet", dir.display());
        return Err(Error::Unexpected(text));
    }
    make_home(&layout)?;
    for (name, _, _) in AGENTS {
        let program = format!(
            "#!/bin/sh\nMISSION_DEMO_PACE={} exec mission scripted-agent {name}\n",
            pace.as_millis()
        );
        write(&layout.agents().join(name), &program, 0o755)?;
    }
    let repository = layout.repository();
    for (name, text) in FILES.into_iter().chain([PRICE_TEST]) {
        let mode = if name.starts_with("bin/") { 0o755 } else { 0o644 };
        write(&repository.join(name), text, mode)?;
    }
    write(&repository.join("mission.toml"), &mission_toml(mission)?, 0o644)?;
    for line in [
        &["init", "--quiet", "--initial-branch=main", "--template="][..],
        &["config", "user.name", "Harbour office"],
        &["config", "user.email", "office@harbour.invalid"],
        &["config", "commit.gpgSign", "false"],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "harbour: the booking page and its prices"],
    ] {
        git(&repository, line)?;
    }
    Ok(layout)
}

fn make_home(layout: &Layout) -> Result<()> {
    let home = layout.home();
    std::fs::create_dir_all(&home).map_err(file("make", &home))?;
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&home, mode).map_err(file("set the mode of", &home))?;
    let mut config = String::from(
        "# The demo's own home. Its agents are scripts: no model, no account.\nlisten = \"127.0.0.1:0\"\n",
    );
    for (name, runtime, driver) in AGENTS {
        let program = quoted(&layout.agents().join(name))?;
        config.push_str(&format!(
            "\n[runtime.{runtime}]\ndriver = \"{driver}\"\ncommand = [{program}]\nlimits = {{ wall = \"5m\" }}\n"
        ));
    }
    write(&home.join("config.toml"), &config, 0o600)
}

/// Returns the project's rules. Who writes and who judges are different programs.
fn mission_toml(mission: &Path) -> Result<String> {
    let mission = quoted(mission)?;
    let mission = mission.trim_matches('"').replace('\'', r"'\\''");
    let roles: String = [
        ("planner", "scripted-b", 2),
        ("designer", "scripted-b", 1),
        ("coder", "scripted-a", 3),
        ("qa", "scripted-b", 3),
        ("tester", "scripted-b", 1),
        ("validator", "scripted-b", 1),
    ]
    .into_iter()
    .map(|(role, runtime, slots)| {
        format!("\n[role.{role}]\nruntimes = [\"{runtime}\"]\nslots = {slots}\n")
    })
    .collect();
    Ok(format!(
        "# The demo's rules; a file like this one lies in each repository.\n\
         [project]\n\
         key = \"{KEY}\"\n\
         default_branch = \"main\"\n\
         visual_paths = [\"web/**/*.css\", \"web/**/*.html\"]\n\
         user_facing_paths = [\"web/**/*.html\"]\n\
         checks = [\"{}\"]\n\
         \n\
         [project.preview]\n\
         command = \"'{mission}' serve-static web --port $PORT\"\n\
         ready = \"http://127.0.0.1:$PORT/\"\n\
         pages = [\"/\"]\n\
         widths = [1440, 900, 390]\n\
         {roles}",
        agents::TESTS
    ))
}

/// Returns a path as a string of TOML.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().filter(|it| !it.chars().any(char::is_control));
    let odd = || {
        Error::Unexpected(format!("`{}` cannot be written into a file of settings", path.display()))
    };
    Ok(format!("\"{}\"", text.ok_or_else(odd)?.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(file("make", parent))?;
    }
    std::fs::write(path, text).map_err(file("write", path))?;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(file("set the mode of", path))
}

#[expect(clippy::disallowed_methods, reason = "the demo makes a repository as a person would")]
fn git(dir: &Path, args: &[&str]) -> Result<()> {
    let mut command = std::process::Command::new("git");
    command.current_dir(dir).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().map_err(system("start `git`"))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Failed { line: format!("git {}", args.join(" ")), output })
}
