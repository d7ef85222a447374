//! `mission fsck`, `backup`, `restore` and `gc`: the commands that look after the store itself.

use std::fs::File;
use std::path::Path;

use mission_control::{Control, FsckReport};
use mission_store::Role;

use super::Done;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::wrap::hung;
use crate::wire;

/// What a backup holds besides the database.
const FOLDERS: [&str; 2] = ["artifacts", "keys"];

/// The home's own settings, which a backup holds too.
const SETTINGS: &str = "config.toml";

/// The database, under this name in the home and in a backup.
const DATABASE: &str = "mission.db";

fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Unreachable, "store", format!("{:#}", error.into()))
}

/// Opens the store beside a server that may be up.
async fn reader(home: &Home) -> Result<Control, Failure> {
    let role = if home.server().is_some() { Role::Reader } else { Role::Controller };
    wire::controller(home, role, 0).await.map_err(failed)
}

/// Proves that the home is whole, and returns what was found.
pub(crate) async fn report(home: &Home) -> Result<FsckReport, Failure> {
    reader(home).await?.fsck().await.map_err(failed)
}

/// Proves that the home is whole.
pub(crate) async fn fsck(context: &Context) -> Done {
    let report = report(&context.home).await?;
    let document = serde_json::to_value(&report).map_err(failed)?;
    context.say(&document, || {
        let looked = format!(
            "{} events, {} tickets and {} artifacts looked at",
            report.events, report.tickets, report.artifacts
        );
        let lines = report.findings.iter().map(|it| format!("{:<11}{}", it.kind, hung(&it.text)));
        let lines: Vec<_> = lines.collect();
        let older = older(report.older_rows);
        match lines.as_slice() {
            [] => format!("clean: {looked}{older}"),
            lines => format!("{}\n{} found; {looked}{older}", lines.join("\n"), lines.len()),
        }
    });
    if report.findings.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::new(Exit::No, "not_clean", "the home is not whole");
    failure.said = true;
    Err(failure)
}

/// Says what rows of an earlier version mean.
fn older(rows: u64) -> String {
    match rows {
        0 => String::new(),
        rows => format!(
            "\n{rows} of them (the home counts as one) have rows that an earlier version wrote: no damage is known, and the next\n\
             `mission up` writes them anew from their events; only then can `mission fsck` compare them"
        ),
    }
}

/// Writes the whole home into `file`: database, artifacts, keys and settings.
pub(crate) async fn backup(context: &Context, file: &Path) -> Done {
    if file.exists() {
        let text = format!("`{}` is there already; name a new file", file.display());
        return Err(Failure::usage(text));
    }
    let control = reader(&context.home).await?;
    let folder = tempfile::tempdir().map_err(failed)?;
    let database = folder.path().join(DATABASE);
    control.store().backup(&database).await.map_err(failed)?;
    let archive = pack(context.home.dir(), &database, file);
    archive.map_err(|error| {
        let _ = std::fs::remove_file(file);
        failed(anyhow::Error::from(error).context(format!("cannot write `{}`", file.display())))
    })?;
    let bytes = std::fs::metadata(file).map_or(0, |it| it.len());
    let document = serde_json::json!({ "file": file.display().to_string(), "bytes": bytes });
    context.say(&document, || format!("wrote {} ({bytes} bytes)", file.display()));
    Ok(())
}

fn pack(home: &Path, database: &Path, file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let out = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    let mut archive = tar::Builder::new(out);
    archive.append_path_with_name(database, DATABASE)?;
    for folder in FOLDERS {
        if home.join(folder).is_dir() {
            archive.append_dir_all(folder, home.join(folder))?;
        }
    }
    if home.join(SETTINGS).is_file() {
        archive.append_path_with_name(home.join(SETTINGS), SETTINGS)?;
    }
    archive.into_inner()?.sync_all()
}

/// Brings the home back from `file`. What is there is set aside, never overwritten.
pub(crate) async fn restore(context: &Context, file: &Path) -> Done {
    let home = context.home.dir();
    if let Some(card) = context.home.server() {
        let text =
            format!("a server is up (process {}); stop it first with `mission down`", card.pid);
        return Err(Failure::refused("server_up", text));
    }
    let fresh = tempfile::tempdir_in(home.parent().unwrap_or(home)).map_err(failed)?;
    let unpacked = File::open(file).and_then(|it| tar::Archive::new(it).unpack(fresh.path()));
    unpacked.map_err(|error| {
        let text = format!(
            "`{}` is no backup that can be read: {error}. Nothing was changed",
            file.display()
        );
        Failure::new(Exit::No, "bad_backup", text)
    })?;
    if !fresh.path().join(DATABASE).is_file() {
        let text = format!("`{}` holds no {DATABASE}. Nothing was changed", file.display());
        return Err(Failure::new(Exit::No, "bad_backup", text));
    }
    let aside = home.join(format!("before-restore-{}", std::process::id()));
    let names = [DATABASE, "mission.db-wal", "mission.db-shm", SETTINGS, "artifacts", "keys"];
    let moved = std::fs::create_dir_all(&aside).and_then(|()| {
        for name in names.iter().filter(|it| home.join(it).exists()) {
            std::fs::rename(home.join(name), aside.join(name))?;
        }
        for name in names.iter().filter(|it| fresh.path().join(it).exists()) {
            std::fs::rename(fresh.path().join(name), home.join(name))?;
        }
        Ok(())
    });
    moved.map_err(failed)?;
    let document = serde_json::json!({ "restored": home.display().to_string(), "set_aside": aside.display().to_string() });
    context.say(&document, || {
        format!("restored {}; what was there is in {}", home.display(), aside.display())
    });
    Ok(())
}

/// Removes artifacts that nothing refers to any more.
pub(crate) async fn gc(context: &Context, dry_run: bool) -> Done {
    if let Some(card) = context.home.server().filter(|_| !dry_run) {
        let text = format!(
            "a server is up (process {}) and may be about to use them; stop it first",
            card.pid
        );
        return Err(Failure::refused("server_up", text));
    }
    let unused = reader(&context.home).await?.gc(dry_run).await.map_err(failed)?;
    let bytes: u64 = unused.iter().map(|it| it.1).sum();
    let names: Vec<_> = unused.iter().map(|it| it.0.to_string()).collect();
    let document = serde_json::json!({ "artifacts": names, "bytes": bytes, "dry_run": dry_run });
    let verb = if dry_run { "would remove" } else { "removed" };
    context.say(&document, || {
        let lines: String = unused.iter().map(|it| format!("{}  {} bytes\n", it.0, it.1)).collect();
        format!("{lines}{verb} {} artifacts, {bytes} bytes", unused.len())
    });
    Ok(())
}
