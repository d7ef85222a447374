//! `cargo xtask agents`: installs the pinned agent programs that the tests run for real, under `target/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

/// What is installed, with the digest of every package.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];

/// The lock file that was installed last; its presence says that the installation is whole.
const INSTALLED: &str = "installed.json";

/// Makes sure that exactly the pinned programs are installed; whether they are. About 770 MB, once.
pub(crate) fn run() -> Result<bool> {
    let pins = process::root().join("crates/testkit/agents");
    let place = place();
    let wanted = read(&pins.join(PINS[1]))?;
    if std::fs::read_to_string(place.join(INSTALLED)).is_ok_and(|it| it == wanted) {
        return Ok(true);
    }
    if process::find("npm").is_none() {
        println!("missing: npm, which brings the agent programs that the tests run");
        return Ok(false);
    }
    println!("installing the agent programs of `{}` (about 770 MB, once) …", pins.display());
    let _ = std::fs::remove_file(place.join(INSTALLED));
    std::fs::create_dir_all(&place)
        .with_context(|| format!("cannot make `{}`", place.display()))?;
    for pin in PINS {
        write(&place.join(pin), &read(&pins.join(pin))?)?;
    }
    // The packages' own scripts only unpack what the tests find without them.
    let mut npm = process::command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    if !process::passes(npm.current_dir(&place))? {
        println!("the agent programs could not be installed: see npm's words above");
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
