//! Looks for what a finished demo must not leave behind: processes, tmux sessions, workspaces.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::process;

/// Returns what is left of the demo in `dir`, as sentences. `spared` is a server that is meant to be up, with its runner.
pub(super) fn find(dir: &Path, home: &Path, spared: Option<i32>) -> Vec<String> {
    let mut left = processes(&[home.to_owned(), dir.join("agents")], spared);
    left.extend(sessions(&home.join("tmux.sock")));
    left.extend(workspaces(&home.join("workspaces")));
    left
}

/// A process belongs to the demo when it works in one of its folders, or its command line names something there. Who started this
/// check is not asked: its command line may name the demo.
fn processes(folders: &[PathBuf], spared: Option<i32>) -> Vec<String> {
    let above = ancestors();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| !above.contains(pid) && Some(*pid) != spared)
        .filter_map(|pid| {
            let proc = Path::new("/proc").join(pid.to_string());
            let line = std::fs::read(proc.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let cwd = std::fs::read_link(proc.join("cwd")).unwrap_or_default();
            let is_ours = folders
                .iter()
                .any(|dir| cwd.starts_with(dir) || line.contains(&format!("{}/", dir.display())));
            let is_runner = spared.is_some() && line.contains(" runner-local ");
            // One that has ended and is not yet collected is in no folder and has no command line; one that is just being started
            // has none yet, but is there.
            (is_ours && !is_runner)
                .then(|| format!("process {pid} is still there: {}", line.trim()))
        })
        .collect()
}

/// Returns this process and those above it.
fn ancestors() -> Vec<i32> {
    let mut above = Vec::new();
    let mut pid = i32::try_from(std::process::id()).ok();
    while let Some(here) = pid.filter(|pid| *pid > 0 && !above.contains(pid)) {
        above.push(here);
        let status = std::fs::read_to_string(format!("/proc/{here}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        pid = parent.and_then(|it| it.trim().parse().ok());
    }
    above
}

/// A tmux whose sessions have all ended is gone, and its socket with nobody behind it.
fn sessions(socket: &Path) -> Vec<String> {
    if UnixStream::connect(socket).is_err() {
        return Vec::new();
    }
    let mut command = process::command("tmux");
    command.arg("-S").arg(socket).args(["list-sessions", "-F", "#{session_name}"]);
    let output = command.output().map(|it| it.stdout).unwrap_or_default();
    let names = String::from_utf8_lossy(&output);
    names.lines().map(|name| format!("tmux session {name} is still there")).collect()
}

/// The folder for clean checkouts may stay, empty.
fn workspaces(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let is_left = |path: &Path| {
        let is_empty = std::fs::read_dir(path).is_ok_and(|mut inner| inner.next().is_none());
        !(path.ends_with("scratch") && is_empty)
    };
    let left = entries.flatten().map(|entry| entry.path()).filter(|path| is_left(path));
    left.map(|path| format!("workspace {} is still there", path.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_a_workspace_of_the_demo_are_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("a folder");
        let home = root.join("home");
        std::fs::create_dir_all(home.join("workspaces/scratch")).expect("a folder");
        assert_eq!(find(&root, &home, None), Vec::<String>::new());
        std::fs::create_dir(home.join("workspaces/HB-2")).expect("a folder");
        let mut child =
            process::command("sleep").arg("60").current_dir(&home).spawn().expect("a process");
        let left = find(&root, &home, None);
        child.kill().expect("ended");
        child.wait().expect("gone");
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0].starts_with(&format!("process {} is still there", child.id())), "{left:?}");
        assert!(left[1].contains("HB-2"), "{left:?}");
    }
}
