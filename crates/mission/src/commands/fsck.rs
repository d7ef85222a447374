//! `mission fsck`, `backup`, `restore` and `gc`: the commands that look after the store itself.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use mission_control::{Control, FsckReport, HomePaths};
use mission_store::Role;
use mission_store::artifacts::Artifacts;

use super::Done;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::wrap::hung;
use crate::wire;

/// What a backup holds besides the database: artifacts, and keys.
const ARTIFACTS: &str = "artifacts";
const KEYS: &str = "keys";

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
    let archive = pack(context.home.dir(), &control.artifacts(), &database, file);
    archive.and_then(|held| read_through(file, held)).map_err(|error| {
        let _ = std::fs::remove_file(file);
        failed(error.context(format!("cannot write `{}`", file.display())))
    })?;
    let bytes = std::fs::metadata(file).map_or(0, |it| it.len());
    let document = serde_json::json!({ "file": file.display().to_string(), "bytes": bytes });
    context.say(&document, || format!("wrote {} ({bytes} bytes)", file.display()));
    Ok(())
}

/// Writes the archive and returns how many entries it holds. A server may be writing in the home meanwhile: artifacts are
/// taken by their digest, behind which nothing changes, and what is small is read whole first.
fn pack(home: &Path, artifacts: &Artifacts, database: &Path, file: &Path) -> anyhow::Result<usize> {
    let out = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    let mut archive = tar::Builder::new(out);
    archive.append_path_with_name(database, DATABASE)?;
    let mut held = 1;
    let folder = home.join(ARTIFACTS);
    if folder.is_dir() {
        archive.append_dir(ARTIFACTS, &folder)?;
        held += 1;
    }
    for (digest, size) in artifacts.list()? {
        let path = artifacts.path(&digest);
        let content = File::open(&path)?;
        let mut header = header(&content, size)?;
        archive.append_data(&mut header, path.strip_prefix(home)?, content.take(size))?;
        held += 1;
    }
    let mut rest = vec![home.join(KEYS), home.join(SETTINGS)];
    while let Some(path) = rest.pop() {
        let name = path.strip_prefix(home)?.to_owned();
        if path.is_dir() {
            archive.append_dir(name, &path)?;
            let inside = std::fs::read_dir(&path)?.map(|it| Ok(it?.path()));
            rest.extend(inside.collect::<std::io::Result<Vec<_>>>()?);
        } else if path.is_file() {
            let mut content = File::open(&path)?;
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            let mut header = header(&content, bytes.len() as u64)?;
            archive.append_data(&mut header, name, bytes.as_slice())?;
        } else {
            continue;
        }
        held += 1;
    }
    archive.into_inner()?.sync_all()?;
    Ok(held)
}

fn header(content: &File, size: u64) -> std::io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&content.metadata()?);
    header.set_size(size);
    Ok(header)
}

/// Reads the backup in `file` to its end, as a restore would, and proves that it holds `held` entries.
fn read_through(file: &Path, held: usize) -> anyhow::Result<()> {
    let mut found = 0;
    for entry in tar::Archive::new(File::open(file)?).entries()? {
        std::io::copy(&mut entry?, &mut std::io::sink())?;
        found += 1;
    }
    anyhow::ensure!(found == held, "it holds {found} entries instead of {held}");
    Ok(())
}

/// Brings the home back from `file`. What is there is set aside, never overwritten.
pub(crate) async fn restore(context: &Context, file: &Path) -> Done {
    let home = context.home.dir();
    if let Some(card) = context.home.server() {
        let text =
            format!("a server is up (process {}); stop it first with `mission down`", card.pid);
        return Err(Failure::refused("server_up", text));
    }
    // In the home itself: where that is a volume of its own, nothing from beside it could be moved into it.
    HomePaths::new(home).create().map_err(failed)?;
    let fresh = tempfile::Builder::new().prefix("restore-").tempdir_in(home).map_err(failed)?;
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
    let aside = tempfile::Builder::new().prefix("before-restore-").tempdir_in(home);
    let aside = aside.map_err(failed)?.keep();
    let names = [DATABASE, "mission.db-wal", "mission.db-shm", SETTINGS, ARTIFACTS, KEYS];
    let move_all = |from: &Path, to: &Path| -> std::io::Result<()> {
        let mut there = names.iter().filter(|it| from.join(it).exists());
        there.try_for_each(|name| std::fs::rename(from.join(name), to.join(name)))
    };
    let moved = move_all(home, &aside).and_then(|()| move_all(fresh.path(), home));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_holds_what_is_whole_and_nothing_that_is_being_written() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |name: &str| home.path().join(name);
        let artifacts = Artifacts::of(home.path());
        let digest = artifacts.put(b"whole").expect("kept");
        std::fs::create_dir_all(at("keys/public")).expect("a folder");
        for (name, text) in [
            ("artifacts/0.partial", "half"),
            ("keys/public/a.pem", "key"),
            (SETTINGS, ""),
            ("db", "rows"),
        ] {
            std::fs::write(at(name), text).expect("written");
        }
        let held = pack(home.path(), &artifacts, &at("db"), &at("out")).expect("packed");
        read_through(&at("out"), held).expect("readable");
        let mut archive = tar::Archive::new(File::open(at("out")).expect("a backup"));
        let paths = archive
            .entries()
            .expect("entries")
            .map(|it| it.expect("an entry").path().expect("a path").display().to_string());
        let (first, rest) = digest.hex().split_at(2);
        let artifact = format!("artifacts/{first}/{rest}");
        assert_eq!(
            paths.collect::<Vec<_>>(),
            [DATABASE, ARTIFACTS, &artifact, SETTINGS, KEYS, "keys/public", "keys/public/a.pem"]
        );
    }

    #[test]
    fn a_backup_whose_parts_are_longer_than_it_says_is_seen_to_be_none() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("out");
        let mut archive = tar::Builder::new(File::create(&file).expect("a file"));
        let mut grown = tar::Header::new_gnu();
        grown.set_size(3);
        let grown_text = [b'x'; 4_000];
        archive.append_data(&mut grown, "artifacts/0.partial", &grown_text[..]).expect("taken");
        let mut next = tar::Header::new_gnu();
        next.set_size(4);
        archive.append_data(&mut next, "keys/a.pem", &b"next"[..]).expect("taken");
        archive.into_inner().expect("written").sync_all().expect("written");
        assert!(read_through(&file, 2).is_err());
    }
}
