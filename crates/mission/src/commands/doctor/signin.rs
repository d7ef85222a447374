//! Whether an agent is signed in, as far as the names of its files and variables tell. No secret is read, and no model is called.

use std::path::{Path, PathBuf};

use mission_domain::agents;

/// What is known of one program.
struct Agent {
    program: &'static str,
    /// Variables that sign it in, of those that its built-in runtime hands on.
    variables: &'static [&'static str],
    /// The variable that names its folder, if one does, and the folder below the home otherwise.
    folder: (Option<&'static str>, &'static str),
    /// Files of the folder that a sign-in leaves.
    files: &'static [&'static str],
    /// A file of settings, and the word in it that shows a provider of the user's own.
    settings: (&'static str, &'static str),
}

const AGENTS: [Agent; 5] = [
    Agent {
        program: "codex",
        variables: &["CODEX_API_KEY", "OPENAI_API_KEY"],
        folder: (Some("CODEX_HOME"), ".codex"),
        files: &["auth.json"],
        settings: ("config.toml", "model_provider"),
    },
    Agent {
        program: "claude",
        variables: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"],
        folder: (Some("CLAUDE_CONFIG_DIR"), ".claude"),
        files: &[".credentials.json"],
        settings: ("settings.json", "ANTHROPIC_"),
    },
    Agent {
        program: "gemini",
        variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        folder: (None, ".gemini"),
        files: &["oauth_creds.json", ".env"],
        settings: ("settings.json", "vertex-ai"),
    },
    Agent {
        program: "opencode",
        variables: &[],
        folder: (None, ""),
        files: &[".local/share/opencode/auth.json"],
        settings: (".config/opencode/opencode.json", "\"provider\""),
    },
    Agent {
        program: "hermes",
        variables: &[],
        folder: (None, ".hermes"),
        files: &["auth.json", ".env"],
        settings: ("config.yaml", "provider:"),
    },
];

/// What was seen of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SignIn {
    /// Something signs it in; whether that still holds, only its provider knows.
    Seen(String),
    /// Nothing was found that does: how to mend it.
    NotSeen(&'static str),
    /// It is no program that is known here.
    Unknown,
}

/// Looks for what signs `program` in. `variable` tells a variable of the environment.
pub(super) fn of(program: &str, variable: impl Fn(&str) -> Option<String>) -> SignIn {
    let name = Path::new(program).file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let Some(agent) = AGENTS.iter().find(|it| it.program == name) else { return SignIn::Unknown };
    let Some(known) = agents::Agent::of_program(name) else { return SignIn::Unknown };
    let is_set = |it: &&&str| variable(it).is_some_and(|it| !it.is_empty());
    if let Some(found) = agent.variables.iter().find(is_set) {
        return SignIn::Seen(format!("signed in by {found}"));
    }
    let home = variable("HOME").map(|it| Path::new(&it).join(agent.folder.1));
    let own = agent.folder.0.and_then(variable).map(PathBuf::from);
    let Some(folder) = own.or(home) else { return SignIn::NotSeen(known.sign_in) };
    let mut files = agent.files.iter().map(|it| folder.join(it));
    if let Some(found) = files.find(|it| it.is_file()) {
        return SignIn::Seen(format!("a sign-in is kept in {}", found.display()));
    }
    let (name, word) = agent.settings;
    let settings = folder.join(name);
    let has_provider = std::fs::read_to_string(&settings).is_ok_and(|it| it.contains(word));
    match has_provider {
        true => SignIn::Seen(format!("a provider is set in {}", settings.display())),
        false => SignIn::NotSeen(known.sign_in),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(program: &str, set: &[(&str, &str)]) -> SignIn {
        let of_set = |name: &str| {
            set.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        };
        of(program, of_set)
    }

    #[test]
    fn a_variable_a_file_or_a_provider_of_ones_own_signs_in_and_else_it_is_said_how() {
        let temp = tempfile::tempdir().expect("a folder");
        let home = temp.path().to_str().expect("a path");
        let home = ("HOME", home);
        assert_eq!(seen("/opt/bin/codex", &[home]), SignIn::NotSeen("run `codex login`"));
        let put = |name: &str, text: &str| {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        put(".codex/config.toml", "model = \"x\"\n");
        assert_eq!(seen("codex", &[home]), SignIn::NotSeen("run `codex login`"));
        put(".codex/config.toml", "model_provider = \"mine\"\n");
        assert!(matches!(seen("codex", &[home]), SignIn::Seen(it) if it.contains("a provider")));
        put(".local/share/opencode/auth.json", "{}");
        assert!(matches!(seen("opencode", &[home]), SignIn::Seen(it) if it.contains("auth.json")));
        assert_eq!(seen("hermes", &[home]), SignIn::NotSeen("run `hermes setup`"));
        let key = ("GEMINI_API_KEY", "x");
        assert_eq!(
            seen("gemini", &[home, key]),
            SignIn::Seen("signed in by GEMINI_API_KEY".into())
        );
        assert_ne!(seen("gemini", &[home, (key.0, "")]), seen("gemini", &[home, key]));
        let moved = temp.path().join("moved").display().to_string();
        let moved = ("CODEX_HOME", moved.as_str());
        assert_eq!(seen("codex", &[home, moved]), SignIn::NotSeen("run `codex login`"));
        assert_eq!(seen("sh", &[home]), SignIn::Unknown);
    }
}
