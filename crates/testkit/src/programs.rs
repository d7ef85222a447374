//! Real agent programs for tests: where they are, and a home of their own in which they ask a scripted model and nobody else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{file, system};
use crate::model::Model;
use crate::{Error, Result};

/// The name of the model that programs are told to ask for.
const MODEL: &str = "scripted";

/// What stands for a key: the scripted model looks at none.
const KEY: &str = "scripted-key-of-the-tests";

/// The version of codex that the tests are written against.
pub const CODEX_VERSION: &str = "0.169.0";

/// The version of claude that the tests are written against.
pub const CLAUDE_VERSION: &str = "2.1.330";

/// Returns the npm script of codex, whose native program a driver has to find.
///
/// # Errors
/// It is not installed; the message says how to.
pub fn codex() -> Result<PathBuf> {
    installed("node_modules/@openai/codex/bin/codex.js")
}

/// Returns the native program of claude.
///
/// # Errors
/// It is not installed; the message says how to.
pub fn claude() -> Result<PathBuf> {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    installed(&format!("node_modules/@anthropic-ai/claude-code-linux-{machine}/claude"))
}

/// Tests lie in `TARGET/PROFILE/deps`, binaries in `TARGET/PROFILE`; the programs in `TARGET/agents`.
fn installed(path: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(system("find the own program"))?;
    let shelves = own.ancestors().skip(1).map(|it| it.join("agents"));
    let found = shelves.map(|it| it.join(path)).find(|it| it.is_file());
    found.ok_or_else(|| {
        Error::Unexpected(format!(
            "`{path}` is not installed, so nothing can be said of the real program. Run `cargo xtask agents` once, then test again"
        ))
    })
}

/// Makes `home` the home of somebody who has both programs installed and signed in, with the scripted model for a provider, and returns
/// the environment of a process of theirs, which is whole: nothing of this process's own is in it.
///
/// # Errors
/// A program is not installed, or what the system said.
pub fn settle(home: &Path, model: &Model) -> Result<BTreeMap<String, String>> {
    let put = |name: &str, text: &str| {
        let path = home.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text)).map_err(file("write", &path))
    };
    put(".codex/config.toml", &codex_config(&model.url()))?;
    put(".claude/settings.json", &claude_settings(&model.url()))?;
    put(".claude.json", CLAUDE_STATE)?;
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).map_err(file("make", &bin))?;
    for (name, program) in [("codex", codex()?), ("claude", claude()?)] {
        let link = bin.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(program, &link).map_err(file("make", &link))?;
        }
    }
    let set = [
        ("HOME", home.display().to_string()),
        ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())),
        ("LANG", "C.UTF-8".to_owned()),
    ];
    Ok(set.map(|(name, value)| (name.to_owned(), value)).into())
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
