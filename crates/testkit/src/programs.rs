//! Real agent programs for tests: where they are, and a home of their own in which they ask a scripted model and nobody else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mission_domain::agents;

use crate::error::{file, system};
use crate::model::Model;
use crate::{Error, Result};

/// The name of the model that programs are told to ask for.
const MODEL: &str = "scripted";

/// What stands for a key: the scripted model looks at none.
const KEY: &str = "scripted-key-of-the-tests";

/// Returns the npm script of codex, whose native program a driver has to find.
///
/// # Errors
/// It is not installed; the message says how to.
pub fn codex() -> Result<PathBuf> {
    installed("node_modules/@openai/codex/bin/codex.js")
}

/// Returns the native program behind that script.
///
/// # Errors
/// It is not installed; the message says how to.
pub fn native_codex() -> Result<PathBuf> {
    let script = codex()?;
    let scope = script.ancestors().find(|it| it.ends_with("@openai"));
    let inside = |dir: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|it| it.path()).collect()
    };
    let packages = scope.into_iter().flat_map(inside);
    let mut natives = packages.flat_map(|it| inside(&it.join("vendor")));
    let found = natives.find_map(|it| Some(it.join("bin/codex")).filter(|it| it.is_file()));
    found.ok_or_else(|| Error::Unexpected(format!("no native codex beside `{}`", script.display())))
}

/// Returns the native program of claude.
///
/// # Errors
/// It is not installed; the message says how to.
pub fn claude() -> Result<PathBuf> {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    installed(&format!("node_modules/@anthropic-ai/claude-code-linux-{machine}/claude"))
}

/// An agent program that speaks the Agent Client Protocol, of the longer suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcpProgram {
    /// `@google/gemini-cli`.
    Gemini,
    /// `opencode-ai`.
    Opencode,
    /// `hermes-agent`.
    Hermes,
}

impl AcpProgram {
    /// Returns what it is called on the PATH, which is its built-in runtime's name too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
            Self::Hermes => "hermes",
        }
    }

    /// Returns the version that the suite is written against.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Gemini => agents::GEMINI.version,
            Self::Opencode => agents::OPENCODE.version,
            Self::Hermes => agents::HERMES.version,
        }
    }

    /// Returns its program.
    ///
    /// # Errors
    /// It is not installed; the message says how to.
    pub fn program(self) -> Result<PathBuf> {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let path = match self {
            Self::Gemini => "more/node_modules/.bin/gemini".to_owned(),
            // The name that npm links is unpacked by a script of the package; the native program is there without it.
            Self::Opencode => format!("more/node_modules/opencode-linux-{machine}/bin/opencode"),
            Self::Hermes => "more/hermes/bin/hermes".to_owned(),
        };
        installed(&path)
    }
}

/// As [`settle`], with `program` installed and signed in besides.
///
/// # Errors
/// A program is not installed, or what the system said.
pub fn settle_with(
    home: &Path,
    model: &Model,
    program: AcpProgram,
) -> Result<BTreeMap<String, String>> {
    let env = settle(home, model)?;
    let url = model.url();
    match program {
        AcpProgram::Gemini => {
            put(home, ".gemini/settings.json", &gemini_settings())?;
            let key = format!("GEMINI_API_KEY={KEY}\nGOOGLE_GEMINI_BASE_URL={url}\n");
            put(home, ".gemini/.env", &format!("{key}GEMINI_CLI_NO_RELAUNCH=1\n"))?;
        }
        AcpProgram::Opencode => {
            put(home, ".config/opencode/opencode.json", &opencode_settings(&url))?;
            for own in [".local/share/opencode", ".local/state/opencode", ".cache/opencode"] {
                let own = home.join(own);
                std::fs::create_dir_all(&own).map_err(file("make", &own))?;
            }
        }
        AcpProgram::Hermes => {
            let model = format!("  default: {MODEL}\n  provider: custom\n  base_url: {url}/v1\n");
            // It would fetch a scanner of commands from the net at the first one.
            let scanner = "security:\n  tirith_enabled: false\n";
            let text = format!("model:\n{model}  api_key: {KEY}\n{scanner}");
            put(home, ".hermes/config.yaml", &text)?;
        }
    }
    link(home, program.name(), &program.program()?)?;
    Ok(env)
}

/// Telemetry, updates and the question whether the folder is trusted are off.
fn gemini_settings() -> String {
    serde_json::json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}},
        "general": {"enableAutoUpdate": false},
        "privacy": {"usageStatisticsEnabled": false},
    })
    .to_string()
}

/// One provider, the scripted model.
fn opencode_settings(url: &str) -> String {
    let options = serde_json::json!({"baseURL": format!("{url}/v1"), "apiKey": KEY});
    let provider = serde_json::json!({
        "npm": "@ai-sdk/openai-compatible", "name": "scripted", "options": options,
        "models": {MODEL: {"name": MODEL}},
    });
    let model = format!("scripted/{MODEL}");
    serde_json::json!({
        "provider": {"scripted": provider}, "model": model, "small_model": model,
        "autoupdate": false,
    })
    .to_string()
}

/// Tests lie in `TARGET/PROFILE/deps`, binaries in `TARGET/PROFILE`; the programs in `TARGET/agents`.
fn installed(path: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(system("find the own program"))?;
    let shelves = own.ancestors().skip(1).map(|it| it.join("agents"));
    let found = shelves.map(|it| it.join(path)).find(|it| it.is_file());
    found.ok_or_else(|| {
        Error::Unexpected(format!(
            "`{path}` is not installed, so nothing can be said of the real program. Run `cargo xtask agents{}` once, then test again",
            if path.starts_with("more/") { " --all" } else { "" }
        ))
    })
}

/// Makes `home` the home of somebody who has both programs installed and signed in, with the scripted model for a provider, and returns
/// the environment of a process of theirs, which is whole: nothing of this process's own is in it.
///
/// # Errors
/// A program is not installed, or what the system said.
pub fn settle(home: &Path, model: &Model) -> Result<BTreeMap<String, String>> {
    settle_at(home, &model.url())
}

/// As [`settle`], for a model at `url`, which may be one of another process.
///
/// # Errors
/// As [`settle`].
pub fn settle_at(home: &Path, url: &str) -> Result<BTreeMap<String, String>> {
    put(home, ".codex/config.toml", &codex_config(url))?;
    put(home, ".claude/settings.json", &claude_settings(url))?;
    put(home, ".claude.json", CLAUDE_STATE)?;
    for (name, program) in [("codex", codex()?), ("claude", claude()?)] {
        link(home, name, &program)?;
    }
    let bin = home.join("bin");
    let set = [
        ("HOME", home.display().to_string()),
        ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())),
        ("LANG", "C.UTF-8".to_owned()),
    ];
    Ok(set.map(|(name, value)| (name.to_owned(), value)).into())
}

/// Writes the file `name` below `home`.
fn put(home: &Path, name: &str, text: &str) -> Result<()> {
    let path = home.join(name);
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(&path, text)).map_err(file("write", &path))
}

/// Puts `program` on the PATH of the person with this `home`.
fn link(home: &Path, name: &str, program: &Path) -> Result<()> {
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).map_err(file("make", &bin))?;
    let link = bin.join(name);
    let made = if link.exists() { Ok(()) } else { std::os::unix::fs::symlink(program, &link) };
    made.map_err(file("make", &link))
}

/// Whether one of the programs has written a session of the person with this `home` down as far as the call of a tool. They do so
/// a moment after the call began; what a kill comes before is not there to go on with.
pub fn has_written_down_a_call(home: &Path) -> bool {
    let sessions = files(home).into_iter().filter(|it| it.extension() == Some("jsonl".as_ref()));
    let mut texts = sessions.filter_map(|it| std::fs::read_to_string(it).ok());
    texts.any(|it| it.contains("\"tool_use\"") || it.contains("\"function_call\""))
}

/// Returns all files below `folder`; one that goes away meanwhile is none.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        _ => vec![entry.path()],
    };
    entries.flat_map(below).collect()
}

/// Telemetry, updates and the daemon that the TUI starts are off; one try suffices for a model that never fails by accident.
fn codex_config(url: &str) -> String {
    format!(
        "model = \"{MODEL}\"\n\
         model_provider = \"scripted\"\n\
         check_for_update_on_startup = false\n\
         [features]\n\
         daemon_auto_start = false\n\
         [analytics]\n\
         enabled = false\n\
         [model_providers.scripted]\n\
         name = \"scripted\"\n\
         base_url = \"{url}/v1\"\n\
         wire_api = \"responses\"\n\
         request_max_retries = 1\n\
         stream_max_retries = 1\n"
    )
}

/// What claude asks about at its first start, answered.
const CLAUDE_STATE: &str =
    "{\"hasCompletedOnboarding\":true,\"theme\":\"dark\",\"hasSeenAutoDefaultNudge\":true}";

/// As [`codex_config`].
fn claude_settings(url: &str) -> String {
    let env = serde_json::json!({
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": KEY,
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    });
    serde_json::json!({ "env": env }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINS: &str = include_str!("../agents/package.json");
    const MORE_PINS: &str = include_str!("../agents/more/package.json");
    const DOCUMENT: &str = include_str!("../../../docs/runtimes.md");
    const REQUIREMENTS: &str = include_str!("../agents/more/requirements.txt");

    fn pinned(text: &str, field: &str, package: &str) -> String {
        let all: serde_json::Value = serde_json::from_str(text).expect("it is read");
        all[field][package].as_str().unwrap_or_else(|| panic!("{package} is not pinned")).to_owned()
    }

    #[test]
    fn the_versions_that_are_said_to_be_tested_are_those_that_the_tests_install() {
        let dependencies = |text, package| pinned(text, "dependencies", package);
        let npm = [
            (agents::CODEX, "@openai/codex", dependencies(PINS, "@openai/codex")),
            (
                agents::CLAUDE,
                "@anthropic-ai/claude-code",
                dependencies(PINS, "@anthropic-ai/claude-code"),
            ),
            (agents::GEMINI, "@google/gemini-cli", dependencies(MORE_PINS, "@google/gemini-cli")),
            // The package of this name is a script around the native one, which the tests install.
            (
                agents::OPENCODE,
                "opencode-ai",
                pinned(MORE_PINS, "optionalDependencies", "opencode-linux-x64"),
            ),
        ];
        for (agent, package, version) in npm {
            assert_eq!(agent.version, version, "{package}");
            assert_eq!(agent.install(), format!("npm install -g {package}@{version}"));
        }
        let told = agents::AGENTS.map(|it| format!("{} {}", it.program, it.version));
        told.iter().for_each(|it| assert!(DOCUMENT.contains(it), "docs/runtimes.md: {it}"));
        let pin = format!("hermes-agent=={} \\", agents::HERMES.version);
        assert!(REQUIREMENTS.lines().any(|it| it == pin), "{pin}");
    }
}
