//! Finds the program that really runs behind a name. The names that npm installs are scripts: killed, they leave the agent running.

use std::path::{Path, PathBuf};

/// A program and the folder that it needs besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The file to start.
    pub(crate) program: PathBuf,
    /// What the program reads of its own installation.
    pub(crate) installation: Option<PathBuf>,
}

/// The npm package of an agent whose native program lies in a package of its own.
#[derive(Debug)]
pub(crate) struct Package {
    /// The scope, like `@openai`.
    scope: &'static str,
    /// The start of the native package's name, which the platform follows.
    native: &'static str,
    /// The program inside it; `*` stands for one folder of any name.
    inside: &'static [&'static str],
}

/// Codex.
pub(crate) const CODEX: Package =
    Package { scope: "@openai", native: "codex-linux-", inside: &["vendor", "*", "bin", "codex"] };

/// Claude.
pub(crate) const CLAUDE: Package =
    Package { scope: "@anthropic-ai", native: "claude-code-linux-", inside: &["claude"] };

/// Returns the file that `name` names: found on `path` unless it is a path itself.
fn named(name: &str, path: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    std::env::split_paths(path).map(|dir| dir.join(name)).find(|it| it.is_file())
}

/// The most links that are followed from a name to its file.
const LINKS: usize = 8;

/// Returns what the program behind `name` reads of its own installation: the npm packages around it, or the Python environment that
/// it lies in with the folder of its interpreter. Nothing for one that lies anywhere else.
pub(crate) fn installation(name: &str, path: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for file in named(name, path).iter().flat_map(|it| steps(it)) {
        let packages = file.ancestors().filter(|it| it.ends_with("node_modules")).last();
        let environment = file.ancestors().find(|it| it.join("pyvenv.cfg").is_file());
        let pythons = environment.map_or_else(Vec::new, |it| steps(&it.join("bin/python")));
        let pythons = pythons.iter().filter_map(|it| it.parent()?.parent());
        found.extend(packages.into_iter().chain(environment).chain(pythons).map(PathBuf::from));
    }
    // What lies directly under `/usr` a lane may read anyway.
    found.retain(|it| it.components().count() > 3);
    found.sort();
    found.dedup();
    found
}

/// Returns `file`, each path that its links lead over, and where they end: a lane has to find all of them.
fn steps(file: &Path) -> Vec<PathBuf> {
    let next = |it: &PathBuf| Some(it.parent()?.join(std::fs::read_link(it).ok()?));
    let over = std::iter::successors(Some(file.to_path_buf()), next).take(LINKS);
    over.chain(file.canonicalize()).collect()
}

/// Returns what `name` starts: found on `path` unless it is a path itself, and the native program behind a script of `package`.
pub(crate) fn find(name: &str, path: &str, package: &Package) -> Found {
    let real = named(name, path).and_then(|it| it.canonicalize().ok());
    let Some(real) = real else {
        return Found { program: name.into(), installation: None };
    };
    let native = if is_native(&real) { None } else { behind(&real, package) };
    let program = native.unwrap_or(real);
    let installation = program.parent().map(|dir| match dir.ends_with("bin") {
        true => dir.parent().unwrap_or(dir).to_path_buf(),
        false => dir.to_path_buf(),
    });
    // A program directly under `/usr/bin` needs nothing that a lane may not read anyway.
    let installation = installation.filter(|it| it.components().count() > 3);
    Found { program, installation }
}

/// Whether the file is a program of this machine, not a script.
fn is_native(file: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 4];
    let read = std::fs::File::open(file).and_then(|mut it| it.read_exact(&mut head));
    read.is_ok() && head == *b"\x7fELF"
}

/// Looks for the native package beside the script's own package, and among that package's own packages.
fn behind(script: &Path, package: &Package) -> Option<PathBuf> {
    let scope = script.ancestors().find(|it| it.ends_with(package.scope))?;
    let own = script.ancestors().find(|it| it.parent() == Some(scope))?;
    let shelves = [scope.to_path_buf(), own.join("node_modules").join(package.scope)];
    let natives = shelves.iter().flat_map(|shelf| entries(shelf)).filter(|it| {
        let name = it.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix(package.native).is_some_and(is_this_machine)
    });
    let found = natives.flat_map(|native| inside(native, package.inside));
    found.into_iter().find(|it| is_native(it))
}

/// Whether a platform's name, like `x64` or `arm64-musl`, is this machine's.
fn is_this_machine(platform: &str) -> bool {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    platform.split('-').next() == Some(machine)
}

fn inside(folder: PathBuf, parts: &[&str]) -> Vec<PathBuf> {
    match parts.split_first() {
        None => vec![folder],
        Some((&"*", rest)) => {
            entries(&folder).into_iter().flat_map(|it| inside(it, rest)).collect()
        }
        Some((part, rest)) => inside(folder.join(part), rest),
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn behind_the_script_that_npm_links_the_native_program_is_found() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let modules = root.join("lib/node_modules");
        let script = modules.join("@openai/codex/bin/codex.js");
        put(&script, b"#!/usr/bin/env node\n");
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let native = modules.join(format!("@openai/codex-linux-{machine}/vendor/triple/bin/codex"));
        put(&native, b"\x7fELF...");
        put(&modules.join("@openai/codex-linux-mips/vendor/triple/bin/codex"), b"\x7fELF...");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        symlink(&script, root.join("bin/codex")).unwrap();
        let found = find("codex", root.join("bin").to_str().unwrap(), &CODEX);
        assert_eq!(found.program, native);
        assert_eq!(found.installation.as_deref(), native.parent().and_then(Path::parent));
    }

    #[test]
    fn a_native_program_is_itself_and_a_name_that_nothing_has_stays() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        put(&root.join("bin/claude"), b"\x7fELF...");
        let path = root.join("bin");
        let path = path.to_str().unwrap();
        assert_eq!(find("claude", path, &CLAUDE).program, root.join("bin/claude"));
        assert_eq!(find("codex", path, &CODEX).program, PathBuf::from("codex"));
    }

    #[test]
    fn a_script_may_read_the_packages_or_the_environment_that_it_lies_in() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let modules = root.join("lib/node_modules");
        put(&modules.join("@google/gemini-cli/node_modules/x/gemini.js"), b"#!/usr/bin/env node\n");
        let environment = root.join("venvs/hermes");
        put(&environment.join("bin/hermes"), b"#!/usr/bin/env python\n");
        put(&environment.join("pyvenv.cfg"), b"");
        put(&root.join("python/bin/python3"), b"\x7fELF...");
        symlink(root.join("python/bin/python3"), environment.join("bin/python")).unwrap();
        put(&root.join("bin/other"), b"#!/bin/sh\n");
        symlink(
            modules.join("@google/gemini-cli/node_modules/x/gemini.js"),
            root.join("bin/gemini"),
        )
        .unwrap();
        symlink(environment.join("bin/hermes"), root.join("bin/hermes")).unwrap();
        let path = root.join("bin");
        let of = |name: &str| installation(name, path.to_str().unwrap());
        assert_eq!(of("gemini"), [modules]);
        assert_eq!(of("hermes"), [root.join("python"), environment.clone()]);
        symlink(&root, root.join("again")).unwrap();
        let again = root.join("again/venvs/hermes");
        std::fs::remove_file(root.join("bin/hermes")).unwrap();
        symlink(again.join("bin/hermes"), root.join("bin/hermes")).unwrap();
        assert_eq!(of("hermes"), [again, root.join("python"), environment]);
        assert!(of("other").is_empty() && of("nothing").is_empty());
    }

    #[test]
    fn a_script_without_a_native_package_is_started_as_it_is() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        put(&root.join("bin/codex"), b"#!/bin/sh\n");
        let found = find("codex", root.join("bin").to_str().unwrap(), &CODEX);
        assert_eq!(found.program, root.join("bin/codex"));
    }
}
