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

/// Returns what `name` starts: found on `path` unless it is a path itself, and the native program behind a script of `package`.
pub(crate) fn find(name: &str, path: &str, package: &Package) -> Found {
    let named = if name.contains('/') {
        Some(PathBuf::from(name))
    } else {
        std::env::split_paths(path).map(|dir| dir.join(name)).find(|it| it.is_file())
    };
    let real = named.as_ref().and_then(|it| it.canonicalize().ok());
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
    fn a_script_without_a_native_package_is_started_as_it_is() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        put(&root.join("bin/codex"), b"#!/bin/sh\n");
        let found = find("codex", root.join("bin").to_str().unwrap(), &CODEX);
        assert_eq!(found.program, root.join("bin/codex"));
    }
}
