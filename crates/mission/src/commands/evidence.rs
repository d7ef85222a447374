//! Gathers one piece of evidence: runs the command, reads the file, copies what must outlive the workspace.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{CommandClaim, Evidence};

use super::report::shown;
use crate::cli::report::EvidenceCommand;
use crate::failure::Failure;
use crate::process;

/// The folder below the lane's own one that evidence is copied to.
const FOLDER: &str = "evidence";
/// The largest file that is taken.
const MOST_BYTES: u64 = 64 << 20;
/// The most of a command's output that is kept; what comes after it is still shown.
const MOST_LOG_BYTES: u64 = 16 << 20;

/// Evidence that is ready to be handed in.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// The evidence.
    pub(crate) evidence: Evidence,
}

/// Returns evidence of `kind` with nothing in it.
pub(crate) fn of(kind: EvidenceKind) -> Evidence {
    Evidence {
        kind,
        text: String::new(),
        command: None,
        url: None,
        file: None,
        artifact: None,
        paths: Vec::new(),
        answer: None,
    }
}

/// Gathers what is handed in. `lane_dir` takes the copies; outside a lane there is none, and only words can be handed in.
pub(crate) fn gather(what: &EvidenceCommand, lane_dir: Option<&Path>) -> Result<Gathered, Failure> {
    let evidence = match what {
        EvidenceCommand::Command { command } => run(&process::shell_line(command), lane_dir)?,
        EvidenceCommand::Screenshot { source }
            if source.starts_with("http://") || source.starts_with("https://") =>
        {
            Evidence { url: Some(source.clone()), ..of(EvidenceKind::Screenshots) }
        }
        EvidenceCommand::Screenshot { source } => {
            copied(EvidenceKind::Screenshots, Path::new(source), lane_dir)?
        }
        EvidenceCommand::Plan { file } => {
            let (text, evidence) = written(EvidenceKind::Plan, file, lane_dir)?;
            Evidence { paths: plan_paths(&text), ..evidence }
        }
        EvidenceCommand::Direction { file } => written(EvidenceKind::Direction, file, lane_dir)?.1,
        EvidenceCommand::Steps { file } => written(EvidenceKind::Steps, file, lane_dir)?.1,
        EvidenceCommand::Risk { text } => Evidence { text: text.clone(), ..of(EvidenceKind::Risk) },
        EvidenceCommand::File { file } => copied(EvidenceKind::Artifact, file, lane_dir)?,
    };
    Ok(Gathered { evidence })
}

/// Returns a text file's words, and the evidence: the kept file by its name, or the words themselves where no lane keeps it.
fn written(
    kind: EvidenceKind,
    path: &Path,
    lane_dir: Option<&Path>,
) -> Result<(String, Evidence), Failure> {
    let mut text = String::new();
    let read = source(path)?.take(MOST_BYTES).read_to_string(&mut text);
    read.map_err(|e| Failure::usage(format!("{} cannot be read as text: {e}", shown(path))))?;
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{} is empty: it says nothing", shown(path))));
    }
    let Some(dir) = lane_dir else {
        return Ok((text.clone(), Evidence { text, ..of(kind) }));
    };
    let file = Some(keep(path, dir)?);
    Ok((text, Evidence { text: name_of(path), file, ..of(kind) }))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A file that is kept as it is.
fn copied(kind: EvidenceKind, path: &Path, lane_dir: Option<&Path>) -> Result<Evidence, Failure> {
    let none = || {
        Failure::refused(
            "no_lane_folder",
            format!("{} cannot be handed in from outside a lane", shown(path)),
        )
        .hint("commit it on the ticket's branch, or name it in the summary")
    };
    let file = keep(path, lane_dir.ok_or_else(none)?)?;
    Ok(Evidence { text: name_of(path), file: Some(file), ..of(kind) })
}

/// Opens a file to be handed in: a plain file of a sensible size, whatever link led to it.
fn source(path: &Path) -> Result<File, Failure> {
    let unusable = |e: io::Error| Failure::usage(format!("{} cannot be read: {e}", shown(path)));
    // Without O_NONBLOCK a named pipe would hold this command for ever.
    let file =
        OpenOptions::new().read(true).custom_flags(libc_nonblock()).open(path).map_err(unusable)?;
    let facts = file.metadata().map_err(unusable)?;
    if !facts.is_file() {
        return Err(Failure::usage(format!("{} is not a plain file", shown(path))));
    }
    if facts.len() > MOST_BYTES {
        let text = format!(
            "{} has {} MiB, at most {} are taken",
            shown(path),
            facts.len() >> 20,
            MOST_BYTES >> 20
        );
        return Err(Failure::usage(text).hint("hand in a smaller file, or the part that matters"));
    }
    Ok(file)
}

fn libc_nonblock() -> i32 {
    nix::fcntl::OFlag::O_NONBLOCK.bits()
}

/// Copies the file at `path` and returns its name in the lane's evidence folder.
fn keep(path: &Path, lane_dir: &Path) -> Result<String, Failure> {
    let mut from = source(path)?;
    let (name, mut to) = fresh(lane_dir, &safe_name(path))?;
    io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(|e| not_kept(lane_dir, &e))?;
    Ok(name)
}

fn not_kept(lane_dir: &Path, error: &io::Error) -> Failure {
    Failure::unreachable(format!(
        "the evidence cannot be kept in {}: {error}",
        shown(&lane_dir.join(FOLDER))
    ))
}

/// Returns the last part of `path` with nothing in it that a path or a shell could mislead.
fn safe_name(path: &Path) -> String {
    let name = name_of(path);
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let safe: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let safe = safe.trim_start_matches('.');
    let start = safe.len().saturating_sub(80);
    let safe = safe.get(start..).unwrap_or_default();
    if safe.is_empty() { "file".into() } else { safe.into() }
}

/// Makes a new file in the lane's evidence folder. Never follows a link and never writes over what is there.
fn fresh(lane_dir: &Path, name: &str) -> Result<(String, File), Failure> {
    let folder = lane_dir.join(FOLDER);
    let made = match std::fs::create_dir(&folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    made.map_err(|e| not_kept(lane_dir, &e))?;
    if !std::fs::symlink_metadata(&folder).is_ok_and(|it| it.is_dir()) {
        return Err(not_kept(lane_dir, &io::Error::other("it is not a folder")));
    }
    for number in 1..10_000 {
        let name = format!("{number}-{name}");
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(&name)) {
            Ok(file) => return Ok((name, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(not_kept(lane_dir, &e)),
        }
    }
    Err(not_kept(lane_dir, &io::Error::other("there are too many files of this name")))
}

/// A log that several streams write to, cut where it becomes too long.
struct Log {
    file: Option<File>,
    left: u64,
}

impl Log {
    fn add(&mut self, bytes: &[u8]) {
        let kept = bytes
            .get(..usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len()))
            .unwrap_or(bytes);
        self.left -= kept.len() as u64;
        if let Some(file) = &mut self.file
            && file.write_all(kept).is_err()
        {
            self.file = None;
        }
        if kept.len() < bytes.len()
            && let Some(mut file) = self.file.take()
        {
            let _ = file.write_all(b"\n[the log was cut here]\n");
        }
    }
}

/// Runs a shell line, shows its output as it comes, and keeps it.
fn run(line: &str, lane_dir: Option<&Path>) -> Result<Evidence, Failure> {
    let (name, file) = match lane_dir {
        Some(dir) => {
            let (name, file) = fresh(dir, "command.log")?;
            (Some(name), Some(file))
        }
        None => (None, None),
    };
    let log = Arc::new(Mutex::new(Log { file, left: MOST_LOG_BYTES }));
    let started = Instant::now();
    let mut shell = process::command("sh");
    shell.args(["-c", line]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let no_start = |e: io::Error| {
        Failure::unreachable(format!("`sh` cannot be started, so nothing was run: {e}"))
    };
    let mut child = shell.spawn().map_err(no_start)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let status = std::thread::scope(|scope| {
        scope.spawn(|| out.map(|it| tee(it, io::stdout(), &log)));
        scope.spawn(|| err.map(|it| tee(it, io::stderr(), &log)));
        child.wait()
    });
    let status = status.map_err(|e| {
        Failure::unreachable(format!(
            "the command's end was not seen, so nothing was recorded: {e}"
        ))
    })?;
    if let Ok(log) = log.lock()
        && let Some(file) = &log.file
    {
        // A log that is not yet on the disk is no reason to lose the claim.
        let _ = file.sync_all();
    }
    let duration = u64::try_from(started.elapsed().as_millis()).ok();
    let command =
        CommandClaim { run: line.to_owned(), exit_code: code(status), duration_ms: duration };
    Ok(Evidence { command: Some(command), file: name, ..of(EvidenceKind::Commands) })
}

/// The exit code as a shell would tell it: 128 and the number for a signal.
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn tee(mut from: impl io::Read, mut to: impl Write, log: &Mutex<Log>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..n).filter(|it| !it.is_empty()) else { return };
        // A reader of ours that has gone away does not stop the command.
        let _ = to.write_all(bytes).and_then(|()| to.flush());
        if let Ok(mut log) = log.lock() {
            log.add(bytes);
        }
    }
}

/// Returns the paths in the list under `## Files`: the first word of each item, without quotes and what is said of it.
pub(crate) fn plan_paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut is_in = false;
    for line in text.lines() {
        if let Some(title) = heading(line) {
            is_in = title.eq_ignore_ascii_case("files");
        } else if is_in
            && let Some(path) = item(line).and_then(item_path)
            && !paths.contains(&path)
        {
            paths.push(path);
        }
    }
    paths
}

/// Returns the title of a heading of the first or second level; deeper ones part the list, they do not end it.
fn heading(line: &str) -> Option<&str> {
    let title = line.strip_prefix("## ").or_else(|| line.strip_prefix("# "))?;
    Some(title.trim().trim_end_matches(['#', ':']).trim())
}

fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let bullet = ["- [ ] ", "- [x] ", "- ", "* ", "+ "].iter().find_map(|it| line.strip_prefix(it));
    let numbered = || {
        let (number, rest) = line.split_once(['.', ')'])?;
        let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
        rest.strip_prefix(' ').filter(|_| is_number)
    };
    bullet.or_else(numbered).map(str::trim)
}

fn item_path(item: &str) -> Option<String> {
    let (item, emphasis) = match item.strip_prefix("**") {
        Some(strong) => (strong, "**"),
        None => (item, ""),
    };
    let path = match item.strip_prefix('`') {
        Some(quoted) => quoted.split('`').next().unwrap_or_default(),
        None => item.split_whitespace().next().unwrap_or_default(),
    };
    let path = path.trim_end_matches([':', ',', ';']);
    let path = path.strip_suffix(emphasis).unwrap_or(path).trim_end_matches(':');
    let path = path.trim().trim_start_matches("./");
    (!path.is_empty() && path != "none").then(|| path.to_owned())
}

#[cfg(test)]
mod tests;
