//! What is really behind a runtime's command line, so that two names for one program are no two reviewers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mission_domain::agents::AGENTS;
use mission_domain::ids::{Digest, RuntimeId};
use mission_domain::principal::Identity;
use mission_domain::rules::{Driver, Runtime};

/// A script longer than this is known by its path, in bytes.
const LONGEST_SCRIPT: u64 = 1 << 20;

/// Interpreters whose script is what counts.
const INTERPRETERS: [&str; 10] =
    ["sh", "bash", "dash", "zsh", "python", "python3", "node", "ruby", "perl", "deno"];

/// Programs that run another one, which their line names after options, numbers and settings.
const CARRIERS: [&str; 17] = [
    "env", "exec", "command", "timeout", "nice", "ionice", "chrt", "taskset", "nohup", "setsid",
    "stdbuf", "time", "unbuffer", "script", "sudo", "doas", "xargs",
];

/// What a shell line does beside running an agent.
const ASIDE: [&str; 34] = [
    "[", "basename", "cat", "cd", "cp", "date", "dirname", "echo", "export", "false", "find",
    "git", "grep", "head", "jq", "ln", "ls", "mission", "mkdir", "mv", "printf", "pwd", "rm",
    "sed", "set", "sleep", "sort", "tail", "tee", "test", "touch", "tr", "true", "wc",
];

/// Where the words of a command are looked up.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// The runtime's own PATH, instead of ours.
    path: Option<&'p str>,
    /// The repository: a lane starts in a copy of it, so relative paths begin there.
    root: &'p Path,
}

/// Returns what is really behind a runtime of the repository at `root`: nothing where it was not found, no identity for a
/// person or an external lane.
pub(crate) fn identity(runtime: &Runtime, root: &Path) -> Option<Option<Identity>> {
    match runtime.driver {
        Driver::Person | Driver::External => Some(None),
        Driver::Exec | Driver::Tmux | Driver::Codex | Driver::Claude | Driver::Acp => {
            let words: Vec<&str> = runtime.command.iter().map(String::as_str).collect();
            let path = runtime.env_set.get("PATH").map(String::as_str);
            let programs = resolve(&words, Place { path, root })?;
            let family = family(&runtime.id, runtime.model.as_deref(), &programs);
            Some(Some(Identity::of(programs, family)))
        }
    }
}

/// Resolves a command through what carries it, shells and interpreters to what really runs: paths of programs and digests of
/// scripts. A shell line that does more than run one program is all the programs that it names.
fn resolve(words: &[&str], place: Place<'_>) -> Option<BTreeSet<String>> {
    let (first, rest) = words.split_first()?;
    let name = Path::new(first).file_name()?.to_str()?;
    if CARRIERS.contains(&name) {
        let is_for_carrier = |word: &&&str| {
            word.contains('=') || word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        };
        let skip = rest.iter().take_while(is_for_carrier).count();
        // An option's own word may come between: the first that can be run is what runs.
        let tails = (skip..rest.len()).map(|at| &rest[at..]);
        return tails.into_iter().find_map(|it| resolve(it, place));
    }
    if INTERPRETERS.contains(&name) {
        let interpreter = place.program(first)?;
        let is_line = |it: &&str| it.starts_with('-') && !it.starts_with("--") && it.ends_with('c');
        if let Some(at) = rest.iter().position(is_line) {
            return Some(resolve_line(rest.get(at + 1)?, place));
        }
        return Some(BTreeSet::from([interpreted(&interpreter, rest, place)]));
    }
    place.program(first).map(|it| BTreeSet::from([known_as(&it)]))
}

/// Returns what an interpreter that is there runs: the first script that is there among `words`, else the name of one, or of
/// the module after `-m`. What else the line says makes no other program of it.
fn interpreted(interpreter: &Path, words: &[&str], place: Place<'_>) -> String {
    let named: Vec<&str> = words.iter().copied().filter(|it| !it.starts_with('-')).collect();
    let options = words.iter().take_while(|it| it.starts_with('-')).count();
    let is_module = options > 0 && words[options - 1] == "-m";
    if !is_module && let Some(script) = named.iter().find_map(|it| place.script(it)) {
        return script;
    }
    let is_file = |it: &&&str| it.contains(['/', '.']) && !is_module;
    let name = named.iter().find(is_file).or(named.first()).copied().unwrap_or_default();
    Digest::of(format!("{}\0{name}", known_as(interpreter)).as_bytes()).to_string()
}

/// Returns every program that a shell line names, what it does beside left out; its digest where it names none.
fn resolve_line(line: &str, place: Place<'_>) -> BTreeSet<String> {
    let ends = |c: char| c.is_whitespace() || ";|&$`()<>{}'\"\\".contains(c);
    let words: Vec<&str> = line.split(ends).filter(|it| !it.is_empty()).collect();
    let is_plain = !line.contains(|c: char| !c.is_whitespace() && ends(c));
    if is_plain && let Some(resolved) = resolve(&words, place) {
        return resolved;
    }
    let file_name =
        |it: &str| Path::new(it).file_name().and_then(|it| it.to_str()).map(str::to_owned);
    let is_agent = |word: &&str| {
        let name = file_name(word).unwrap_or_default();
        ![&ASIDE[..], &CARRIERS, &INTERPRETERS].concat().contains(&name.as_str())
    };
    let script = |word: &str| place.script(word).filter(|_| word.contains('/'));
    let known = |word: &str| place.program(word).map(|it| known_as(&it)).or_else(|| script(word));
    let found: BTreeSet<String> = words.into_iter().filter(is_agent).filter_map(known).collect();
    if found.is_empty() { BTreeSet::from([Digest::of(line.as_bytes()).to_string()]) } else { found }
}

/// Returns what a program is known as: a script by its content, another by its path.
fn known_as(program: &Path) -> String {
    match content(program).filter(|it| it.starts_with(b"#!")) {
        Some(script) => Digest::of(&script).to_string(),
        None => program.display().to_string(),
    }
}

/// Returns what is in the file at `path`, where it is one and short enough for a script.
fn content(path: &Path) -> Option<Vec<u8>> {
    let is_script =
        std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() <= LONGEST_SCRIPT);
    if is_script { std::fs::read(path).ok() } else { None }
}

/// Returns the model family, where the name of model, runtime or program tells it. Unknown equals nothing.
fn family(runtime: &RuntimeId, model: Option<&str>, programs: &BTreeSet<String>) -> Option<String> {
    const FAMILIES: [(&str, &str); 9] = [
        ("gpt", "openai"),
        ("codex", "openai"),
        ("o3", "openai"),
        ("claude", "anthropic"),
        ("opus", "anthropic"),
        ("sonnet", "anthropic"),
        ("gemini", "google"),
        ("qwen", "qwen"),
        ("deepseek", "deepseek"),
    ];
    let known = |text: &str| {
        let text = text.to_ascii_lowercase();
        FAMILIES.iter().find(|it| text.contains(it.0)).map(|it| it.1.to_owned())
    };
    let named = programs.iter().filter(|it| !it.starts_with("sha256:"));
    let mut files = named.filter_map(|it| Path::new(it).file_name()?.to_str());
    match model {
        Some(model) => known(model),
        None if AGENTS.iter().any(|it| it.program == runtime.as_str()) => known(runtime.as_str()),
        None => files.find_map(known),
    }
}

/// Returns where `name` is found on our own PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    Place { path: None, root: Path::new("") }.program(name)
}

impl Place<'_> {
    /// Returns where the program `name` is.
    fn program(self, name: &str) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let is_program = |path: &PathBuf| {
            std::fs::metadata(path)
                .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
        };
        if name.contains('/') {
            return Some(self.root.join(name)).filter(is_program)?.canonicalize().ok();
        }
        let path = self.path.map(Into::into).or_else(|| std::env::var_os("PATH"))?;
        let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(is_program)?;
        found.canonicalize().ok()
    }

    /// Returns the digest of the script `name`, where there is one.
    fn script(self, name: &str) -> Option<String> {
        content(&self.root.join(name)).map(|it| Digest::of(&it).to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn told(line: &[&str]) -> Identity {
        told_in(Path::new("/"), line)
    }

    fn told_in(root: &Path, line: &[&str]) -> Identity {
        let programs = resolve(line, Place { path: None, root });
        Identity::of(programs.unwrap_or_else(|| panic!("not found: {line:?}")), None)
    }

    #[test]
    fn what_an_interpreter_runs_is_found_wherever_it_is_and_known_by_its_name_otherwise() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("tools")).unwrap();
        for (name, text) in [("tools/one.sh", "one"), ("tools/copy.sh", "one"), ("two.sh", "two")] {
            std::fs::write(root.path().join(name), text).unwrap();
        }
        let told = |line: &str| told_in(root.path(), &line.split(' ').collect::<Vec<_>>());
        let same = |one: &str, other: &str| told(one).shares_a_program(&told(other));
        let absolute = format!("sh {}/tools/copy.sh", root.path().display());
        assert!(same("sh tools/one.sh", &absolute));
        assert!(same("sh ./tools/one.sh", "bash -x tools/copy.sh --fast"));
        assert!(!same("sh tools/one.sh", "sh two.sh"));
        // What is not here yet may be there in a lane; only the interpreter must be here.
        assert!(same("sh later.sh", "sh --posix later.sh --model a"));
        assert!(!same("bash run ./later.sh", "bash run ./other.sh"));
        assert!(!same("sh later.sh", "sh other.sh"));
        assert!(same("sh run two.sh", "sh two.sh"));
        let module = Place { path: None, root: root.path() };
        let module = |words: &[&str]| interpreted(Path::new("/usr/bin/python3"), words, module);
        assert_eq!(module(&["-m", "aider"]), module(&["-u", "-m", "aider", "two.sh"]));
        assert_ne!(module(&["-m", "aider"]), module(&["-m", "other"]));
        assert_eq!(
            resolve(&["no-such-interpreter"], Place { path: None, root: root.path() }),
            None
        );
    }

    #[test]
    fn a_program_is_the_same_however_it_is_carried() {
        let folder = tempfile::tempdir().unwrap();
        let agent = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path.display().to_string()
        };
        let (ours, other) =
            (agent("ours", "#!/bin/sh\nexit 0\n"), agent("other", "#!/bin/sh\nexit 1\n"));
        let plain = told(&[&ours]);
        let lines = [
            format!("cd . && exec {ours}"),
            format!("cat | {ours}"),
            format!("X=1 timeout 5 '{ours}' --flag"),
            format!("sh {ours}"),
            ours.clone(),
        ];
        for line in &lines {
            for shell in ["sh -c", "bash -lc"] {
                let words: Vec<&str> = shell.split(' ').chain([line.as_str()]).collect();
                assert!(told(&words).shares_a_program(&plain), "{words:?}");
                assert!(!told(&words).shares_a_program(&told(&[&other])), "{words:?}");
            }
        }
        for carrier in
            ["timeout 600", "timeout -k 5 600", "nice -n 5", "nohup", "env A=b", "setsid -w"]
        {
            let words: Vec<&str> = carrier.split(' ').chain([ours.as_str()]).collect();
            assert_eq!(told(&words), plain, "{words:?}");
        }
    }

    #[test]
    fn a_line_that_names_no_program_is_known_by_its_text() {
        let (one, two) = (told(&["sh", "-c", "sleep 1"]), told(&["sh", "-c", "sleep 2; true"]));
        assert!(!one.shares_a_program(&two));
        assert!(two.shares_a_program(&told(&["sh", "-c", "sleep 2; true"])));
    }
}
