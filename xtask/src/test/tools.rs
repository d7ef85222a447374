//! What the tests need from the machine: finds it, installs what may be installed, or says the exact command.

use anyhow::Result;

use crate::process;

/// A program that some test runs, with the package that brings it.
struct Tool {
    name: &'static str,
    is_here: fn() -> bool,
    /// The package's name with apt, dnf and pacman.
    packages: [&'static str; 3],
}

const TOOLS: &[Tool] = &[
    Tool { name: "git ≥ 2.38", is_here: has_git, packages: ["git"; 3] },
    Tool { name: "tmux", is_here: || process::find("tmux").is_some(), packages: ["tmux"; 3] },
    Tool {
        name: "PostgreSQL server",
        is_here: has_postgres,
        packages: ["postgresql", "postgresql-server", "postgresql"],
    },
    Tool { name: "Chromium", is_here: has_chromium, packages: ["chromium"; 3] },
    Tool { name: "Node.js ≥ 20", is_here: has_node, packages: ["nodejs"; 3] },
    Tool { name: "npm", is_here: || process::find("npm").is_some(), packages: ["npm"; 3] },
];

/// A package manager and the words that install packages with it.
struct Manager {
    program: &'static str,
    /// Its column in [`Tool::packages`].
    column: usize,
    update: &'static [&'static str],
    install: &'static [&'static str],
}

const APT: Manager = Manager {
    program: "apt-get",
    column: 0,
    update: &["update"],
    install: &["install", "-y", "--no-install-recommends"],
};
const OTHERS: &[Manager] = &[
    Manager { program: "dnf", column: 1, update: &[], install: &["install", "-y"] },
    Manager { program: "pacman", column: 2, update: &[], install: &["-S", "--noconfirm"] },
];

/// Makes sure that every tool is here: with root and apt it installs what is missing, without asking;
/// otherwise it prints the command that does. Whether the tests can start.
pub(super) fn set_up(quick: bool) -> Result<bool> {
    let mut missing = missing();
    if !missing.is_empty() && is_root() && process::find(APT.program).is_some() {
        println!("installing {} …", names(&missing));
        install(&missing)?;
        missing = self::missing();
    }
    if !missing.is_empty() {
        println!("missing: {}", names(&missing));
        println!("install with: {}", advice(&missing));
        return Ok(false);
    }
    let plugins: &[_] = if quick { &[NEXTEST] } else { &[NEXTEST, DENY] };
    for plugin in plugins.iter().filter(|plugin| process::find(plugin.program).is_none()) {
        println!("installing {} (once; takes some minutes) …", plugin.program);
        if !process::passes(process::cargo().args(["install", "--locked", plugin.version]))? {
            println!(
                "missing: {}\ninstall with: cargo install --locked {}",
                plugin.program, plugin.version
            );
            return Ok(false);
        }
    }
    Ok(true)
}

/// A program that cargo runs as its own subcommand.
struct Plugin {
    program: &'static str,
    version: &'static str,
}

const NEXTEST: Plugin = Plugin { program: "cargo-nextest", version: "cargo-nextest@0.9.143" };
const DENY: Plugin = Plugin { program: "cargo-deny", version: "cargo-deny@0.20.2" };

fn missing() -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| !(tool.is_here)()).collect()
}

fn names(tools: &[&Tool]) -> String {
    tools.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ")
}

fn install(tools: &[&Tool]) -> Result<()> {
    let apt = |words: Vec<&str>| {
        let mut apt = process::command(APT.program);
        apt.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        process::passes(&mut apt)
    };
    // A failed update is no end: the packages may be in the cache. What is missing is looked at again afterwards.
    apt(APT.update.to_vec())?;
    apt([APT.install, &packages(tools, &APT)].concat())?;
    Ok(())
}

fn packages(tools: &[&Tool], manager: &Manager) -> Vec<&'static str> {
    tools.iter().map(|tool| tool.packages[manager.column]).collect()
}

/// The command that a person can paste.
fn advice(tools: &[&Tool]) -> String {
    let here = |manager: &&Manager| process::find(manager.program).is_some();
    let manager = std::iter::once(&APT).chain(OTHERS).find(here);
    let sudo = if is_root() { "" } else { "sudo " };
    manager.map_or_else(
        || format!("your package manager: {}", names(tools)),
        |known| line(known, sudo, tools),
    )
}

fn line(manager: &Manager, sudo: &str, tools: &[&Tool]) -> String {
    let call = |words: &[&str]| format!("{sudo}{} {}", manager.program, words.join(" "));
    let install = call(&[manager.install, &packages(tools, manager)].concat());
    if manager.update.is_empty() {
        install
    } else {
        format!("{} && {install}", call(manager.update))
    }
}

fn is_root() -> bool {
    process::output(process::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn has_git() -> bool {
    let version = process::output(process::command("git").arg("--version")).unwrap_or_default();
    git_version(&version).is_some_and(|found| found >= (2, 38))
}

/// Major and minor number in what `git --version` prints.
fn git_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(2)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn has_node() -> bool {
    let version = process::output(process::command("node").arg("--version")).unwrap_or_default();
    node_version(&version).is_some_and(|major| major >= 20)
}

/// Major number in what `node --version` prints.
fn node_version(text: &str) -> Option<u32> {
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn has_postgres() -> bool {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    process::find("initdb").is_some()
        || debian.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

fn has_chromium() -> bool {
    ["chromium", "chromium-browser", "google-chrome", "chrome"]
        .iter()
        .any(|name| process::find(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_versions_are_compared_as_numbers() {
        assert_eq!(git_version("git version 2.47.3\n"), Some((2, 47)));
        assert_eq!(git_version("git version 2.9.0"), Some((2, 9)));
        assert!(git_version("git version 2.9.0") < Some((2, 38)));
        assert_eq!(git_version("not git"), None);
    }

    #[test]
    fn node_versions_are_read_by_their_major_number() {
        assert_eq!(node_version("v20.11.0\n"), Some(20));
        assert_eq!(node_version("20.11.0"), None);
        assert_eq!(node_version(""), None);
    }

    #[test]
    fn the_advice_is_one_line_that_can_be_pasted() {
        let tools = [&TOOLS[1], &TOOLS[2]];
        assert_eq!(
            line(&APT, "sudo ", &tools),
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends tmux postgresql"
        );
        assert_eq!(line(&OTHERS[0], "", &tools), "dnf install -y tmux postgresql-server");
    }
}
