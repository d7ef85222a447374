//! `mission service …`: the systemd user unit that keeps `mission up` running.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use super::Done;
use crate::cli::session::ServiceCommand;
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// The unit's name.
const UNIT: &str = "mission.service";

/// Installs or removes the unit.
pub(crate) fn run(context: &Context, command: ServiceCommand) -> Done {
    let file = unit_file()?;
    match command {
        ServiceCommand::Install => install(context, &file),
        ServiceCommand::Uninstall => uninstall(context, &file),
    }
}

fn install(context: &Context, file: &Path) -> Done {
    let exe = std::env::current_exe()
        .map_err(|e| Failure::unreachable(format!("this program's own path is unknown: {e}")))?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(dir).map_err(|e| Failure::file(dir, &e))?;
    let path = std::env::var_os("PATH");
    let text = unit(&exe, context.home.dir(), path.as_deref().map(Path::new))?;
    std::fs::write(file, text).map_err(|e| Failure::file(file, &e))?;
    let begun = systemctl(&["daemon-reload"]).and_then(|()| systemctl(&["enable", "--now", UNIT]));
    begun.map_err(|why| {
        let text = format!("wrote `{}`, but it was not started: {why}", file.display());
        Failure::unreachable(text)
            .hint(format!("start it with `systemctl --user enable --now {UNIT}`"))
    })?;
    context.say(&json!({"unit": file, "started": true}), || {
        format!(
            "wrote `{}` and started it; `mission sign-in` prints a link\n\
             The server and its agents have the PATH of this shell. Other variables, like API keys, they get from `{}`, \
             or from the unit: `systemctl --user edit {UNIT}`",
            file.display(),
            config_folder().unwrap_or_default().join("environment.d").display(),
        )
    });
    Ok(())
}

fn uninstall(context: &Context, file: &Path) -> Done {
    if !file.exists() {
        let text = format!("there is no unit at `{}`", file.display());
        return Err(Failure::new(Exit::No, "no_unit", text).hint("nothing was changed"));
    }
    // Lanes go on: the unit stops the server alone, as `mission down` does.
    let said = systemctl(&["disable", "--now", UNIT]);
    std::fs::remove_file(file).map_err(|e| Failure::file(file, &e))?;
    let document = json!({"unit": file, "stopped": said.is_ok(), "why": said.as_ref().err()});
    context.say(&document, || match &said {
        Ok(()) => format!("stopped the server and removed `{}`", file.display()),
        Err(why) => {
            format!("removed `{}`. Whether a server still runs is unknown: {why}", file.display())
        }
    });
    Ok(())
}

/// Returns where systemd looks for a user's units: <https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html>
fn unit_file() -> Result<PathBuf, Failure> {
    let config = config_folder()
        .ok_or_else(|| Failure::usage("HOME is not set, so there is no place for a user unit"))?;
    Ok(config.join("systemd/user").join(UNIT))
}

fn config_folder() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

/// Returns the unit's text. `path` is the PATH of whoever installs it: systemd's own knows nothing of `~/.local/bin` and the like.
fn unit(exe: &Path, home: &Path, path: Option<&Path>) -> Result<String, Failure> {
    let (exe, home) = (quoted("", exe)?.replace('$', "$$"), quoted("", home)?.replace('$', "$$"));
    let path = path.map(|it| Ok(format!("Environment={}\n", quoted("PATH=", it)?))).transpose()?;
    let path = path.unwrap_or_default();
    // `process` leaves the lanes running when the server stops, as Ctrl-C does.
    Ok(format!(
        "[Unit]\nDescription=Mission Control\nAfter=network.target\n\n\
         [Service]\n{path}ExecStart={exe} --home {home} up\nRestart=on-failure\nRestartSec=2\nKillMode=process\nTimeoutStopSec=15\n\n\
         [Install]\nWantedBy=default.target\n"
    ))
}

/// Returns `before` and `path` as one word of a unit file, whose quotes, backslashes and `%` have a meaning of their own.
fn quoted(before: &str, path: &Path) -> Result<String, Failure> {
    let text = path.to_str().filter(|it| !it.contains(['\n', '\r']));
    let text = text.ok_or_else(|| {
        Failure::usage(format!("`{before}{}` cannot stand in a unit file", path.display()))
    })?;
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Ok(format!("\"{before}{escaped}\""))
}

fn systemctl(words: &[&str]) -> Result<(), String> {
    let mut command = crate::process::command("systemctl");
    command.arg("--user").args(words).stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("`systemctl --user {}` said: {said}", words.join(" ")))
        }
        Err(error) => Err(format!("`systemctl` cannot be started: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_names_program_and_home_and_leaves_lanes_running() {
        let text = unit(Path::new("/opt/a b/mission"), Path::new("/home/$a%da/m\"x"), None);
        let text = text.expect("text");
        assert!(
            text.contains("ExecStart=\"/opt/a b/mission\" --home \"/home/$$a%%da/m\\\"x\" up\n"),
            "{text}"
        );
        assert!(text.contains("KillMode=process\n"), "{text}");
        assert!(unit(Path::new("/a\nExecStartPre=/bin/x"), Path::new("/h"), None).is_err());
    }

    #[test]
    fn a_unit_finds_agents_where_the_shell_that_installs_it_finds_them() {
        let unit = |path: &str| unit(Path::new("/m"), Path::new("/h"), Some(Path::new(path)));
        let text = unit("/home/ada/.local/bin:/a b:/$x:/usr/bin").expect("text");
        let line = "[Service]\nEnvironment=\"PATH=/home/ada/.local/bin:/a b:/$x:/usr/bin\"\n";
        assert!(text.contains(line), "{text}");
        assert!(unit("/a\nExecStartPre=/bin/x").is_err());
    }
}
