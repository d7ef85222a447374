//! `cargo xtask docs`: lets the binary write its own shell completions and man pages under `target/`.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process;

const SHELLS: &[(&str, &str)] =
    &[("bash", "mission.bash"), ("zsh", "_mission"), ("fish", "mission.fish")];

/// Builds the binary and has it write; an error when a shell or the man pages come out empty.
pub(crate) fn run() -> Result<bool> {
    let mission = crate::bench::build_mission()?;
    let target = process::root().join("target");
    let (completions, man) = (target.join("completions"), target.join("man"));
    for folder in [&completions, &man] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    for (shell, file) in SHELLS {
        let script =
            process::output(process::command(&mission).args(["generate", "completions", shell]))?;
        if script.trim().is_empty() {
            bail!("`mission generate completions {shell}` printed nothing");
        }
        fs::write(completions.join(file), script)?;
    }
    process::output(process::command(&mission).args(["generate", "man"]).arg(&man))?;
    let pages = fs::read_dir(&man)?.count();
    if pages == 0 {
        bail!("`mission generate man` wrote no page");
    }
    println!("{} completions in target/completions, {pages} man pages in target/man", SHELLS.len());
    Ok(true)
}
