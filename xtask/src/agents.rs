//! `cargo xtask agents`: installs the pinned agent programs that the tests run for real, under `target/`; with `--all` those of the
//! long suite too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::process;

/// Which programs to install.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Also installs gemini, opencode and hermes, which the long suite runs (about 700 MB more)
    #[arg(long)]
    pub(crate) all: bool,
}

/// What is installed, with the digest of every package.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder of what the long suite alone runs.
const MORE: &str = "more";

/// The folder of hermes in it.
const HERMES: &str = "hermes";

/// Which Python packages hermes consists of, with the digest of each.
const REQUIREMENTS: &str = "requirements.txt";

/// The lock file that was installed last; its presence says that the installation is whole.
const INSTALLED: &str = "installed.json";

/// Makes sure that exactly the pinned programs are installed; whether they are. About 770 MB, once, and as much again with `all`.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let pins = process::root().join("crates/testkit/agents");
    if !from_npm(&pins, &place(), "about 770 MB")? {
        return Ok(false);
    }
    if !options.all {
        return Ok(true);
    }
    let (pins, place) = (pins.join(MORE), place().join(MORE));
    Ok(from_npm(&pins, &place, "about 450 MB")? && from_pypi(&pins, &place.join(HERMES))?)
}

/// Installs the npm packages that `pins` names at `place`, unless they are there.
fn from_npm(pins: &Path, place: &Path, size: &str) -> Result<bool> {
    let wanted = read(&pins.join(PINS[1]))?;
    if std::fs::read_to_string(place.join(INSTALLED)).is_ok_and(|it| it == wanted) {
        return Ok(true);
    }
    if process::find("npm").is_none() {
        println!("missing: npm, which brings the agent programs that the tests run");
        return Ok(false);
    }
    println!("installing the agent programs of `{}` ({size}, once) …", pins.display());
    let _ = std::fs::remove_file(place.join(INSTALLED));
    std::fs::create_dir_all(place).with_context(|| format!("cannot make `{}`", place.display()))?;
    for pin in PINS {
        write(&place.join(pin), &read(&pins.join(pin))?)?;
    }
    // The packages' own scripts only unpack what the tests find without them.
    let mut npm = process::command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    if !process::passes(npm.current_dir(place))? {
        println!("the agent programs could not be installed: see npm's words above");
        return Ok(false);
    }
    write(&place.join(INSTALLED), &wanted)?;
    Ok(true)
}

/// Installs hermes from PyPI into an environment of its own at `place`, unless it is there. Every package has its digest.
fn from_pypi(pins: &Path, place: &Path) -> Result<bool> {
    let pin = pins.join(REQUIREMENTS);
    let wanted = read(&pin)?;
    if std::fs::read_to_string(place.join(INSTALLED)).is_ok_and(|it| it == wanted) {
        return Ok(true);
    }
    if process::find("python3").is_none() {
        println!("missing: python3 (3.11 or later, with venv), which hermes runs on");
        return Ok(false);
    }
    println!("installing hermes of `{}` (about 230 MB, once) …", pin.display());
    let made =
        process::passes(process::command("python3").args(["-m", "venv", "--clear"]).arg(place))?;
    let pip = place.join("bin/pip");
    let mut pip = process::command(pip.display().to_string());
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
        "-r",
    ]);
    if !made || !process::passes(pip.arg(&pin))? {
        println!("hermes could not be installed: see the words above");
        return Ok(false);
    }
    write(&place.join(INSTALLED), &wanted)?;
    Ok(true)
}

/// Where they go: tests look for `agents` beside their own profile's folder.
fn place() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| process::root().join("target")).join("agents")
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
