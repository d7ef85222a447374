//! What the demo needs of this machine, and how it gets there.

use crate::context::note;
use crate::failure::{Exit, Failure};
use crate::process;

/// The names that a Chromium goes by.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// One program: the names it goes by, its package, and what it is for.
struct Need {
    names: &'static [&'static str],
    package: &'static str,
    purpose: &'static str,
}

const GIT: Need = Need { names: &["git"], package: "git", purpose: "workspaces and landing" };
const TMUX: Need = Need { names: &["tmux"], package: "tmux", purpose: "lanes that can be watched" };
const BROWSER: Need = Need {
    names: &BROWSERS,
    package: "chromium",
    purpose: "pictures of the page (or leave them out with --no-browser)",
};

/// Makes sure that everything is there: installs what is missing where that needs no question, else says how.
pub(super) fn meet(with_browser: bool) -> Result<(), Failure> {
    let missing = missing(with_browser);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let can_install = nix::unistd::geteuid().is_root() && process::on_path("apt-get").is_some();
    if can_install {
        note(&format!("the demo needs {}: {line}", packages.join(" and ")));
        if !install(&packages) {
            note("the list of packages may be old: apt-get update");
            run("apt-get", &["update"]);
            install(&packages);
        }
    }
    let still = self::missing(with_browser);
    if still.is_empty() {
        return Ok(());
    }
    let needs: Vec<String> =
        still.iter().map(|need| format!("`{}` for {}", need.package, need.purpose)).collect();
    let prefix = if can_install { "" } else { "sudo " };
    Err(Failure::new(
        Exit::No,
        "missing_program",
        format!("the demo needs {}", needs.join(", and ")),
    )
    .hint(format!("install it: {prefix}{line}")))
}

fn missing(with_browser: bool) -> Vec<Need> {
    let wanted = [Some(GIT), Some(TMUX), with_browser.then_some(BROWSER)].into_iter().flatten();
    wanted.filter(|need| need.names.iter().all(|name| process::on_path(name).is_none())).collect()
}

fn install(packages: &[&str]) -> bool {
    run("apt-get", &[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn run(program: &str, args: &[&str]) -> bool {
    let mut command = process::command(program);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    command.status().is_ok_and(|status| status.success())
}
