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

/// Makes `home` a home in which codex and claude ask `model` alone, and returns the environment for them, which is whole: nothing of
/// this process's own is in it but the `PATH`.
///
/// # Errors
/// What the system said.
pub fn settle(home: &Path, model: &Model) -> Result<BTreeMap<String, String>> {
    let codex = home.join(".codex");
    std::fs::create_dir_all(&codex).map_err(file("make", &codex))?;
    let config = codex.join("config.toml");
    std::fs::write(&config, codex_config(&model.url())).map_err(file("write", &config))?;
    let url = model.url();
    let set = [
        ("HOME", home.display().to_string()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("SCRIPTED_KEY", KEY.to_owned()),
        ("ANTHROPIC_BASE_URL", url),
        ("ANTHROPIC_API_KEY", KEY.to_owned()),
        ("DISABLE_TELEMETRY", "1".to_owned()),
        ("DISABLE_AUTOUPDATER", "1".to_owned()),
        ("DISABLE_ERROR_REPORTING", "1".to_owned()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        ("CLAUDE_CODE_MAX_RETRIES", "1".to_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
    ];
    Ok(set.map(|(name, value)| (name.to_owned(), value)).into())
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
         env_key = \"SCRIPTED_KEY\"\n\
         request_max_retries = 1\n\
         stream_max_retries = 1\n"
    )
}
