//! A PostgreSQL server of its own for a test: it lives in a temporary folder, listens on a socket there,
//! and ends with the value.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to say where there is no PostgreSQL: these tests prove a promise, so they are not skipped.
const MISSING: &str =
    "PostgreSQL is needed for this test: run `apt-get install --no-install-recommends postgresql`";

/// A running server.
pub struct PostgresServer {
    bin: PathBuf,
    folder: tempfile::TempDir,
    user: Option<User>,
    child: Child,
    databases: AtomicU32,
}

impl PostgresServer {
    /// Starts a server in a new folder and waits until it answers.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed, with the command that installs it, or where it does not start.
    pub async fn start() -> Self {
        let bin = bin().expect(MISSING);
        // The path of a socket has at most 107 bytes, so the folder is not in a deep one.
        let folder = tempfile::Builder::new().prefix("mission-pg").tempdir_in("/tmp").unwrap();
        let user = geteuid().is_root().then(someone_else);
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let data = folder.path().join("data");
        let mut initdb = command(&bin.join("initdb"), user.as_ref());
        initdb.args(["--no-sync", "--username=mission", "--auth=trust", "--encoding=UTF8"]);
        let made = initdb.arg("--locale=C").arg("--pgdata").arg(&data).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let child = spawn(&bin, folder.path(), user.as_ref());
        let server = Self { bin, folder, user, child, databases: AtomicU32::new(0) };
        server.wait().await;
        server
    }

    /// Makes an empty database and returns its address.
    pub async fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let make = AssertSqlSafe(format!("CREATE DATABASE story_{number}"));
        sqlx::raw_sql(make).execute(&mut connection).await.unwrap();
        self.url(&format!("story_{number}"))
    }

    /// Kills the server with SIGKILL and starts it again on the same data.
    pub async fn kill_and_restart(&mut self) {
        signal(&self.child, Signal::SIGKILL);
        self.child.wait().unwrap();
        // Its helpers notice the end and go; until then the shared memory is in use.
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.child = spawn(&self.bin, self.folder.path(), self.user.as_ref());
            if self.answers(deadline).await {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not come back");
        }
    }

    async fn answers(&mut self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if PgConnection::connect(&self.url("postgres")).await.is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    async fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        while PgConnection::connect(&self.url("postgres")).await.is_err() {
            assert!(Instant::now() < deadline, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://mission@localhost/{database}?host={}", self.folder.path().display())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        signal(&self.child, Signal::SIGQUIT);
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, signal: Signal) {
    // It may have ended already.
    let _ = kill(Pid::from_raw(child.id().cast_signed()), signal);
}

/// The folder of the newest installed version, else the one on the PATH.
fn bin() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version_of(path))
        .map(|path| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.or_else(|| {
        std::env::split_paths(&path)
            .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
    })
}

fn version_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.parse().ok()
}

/// PostgreSQL refuses to run as root.
fn someone_else() -> User {
    let named = |name| User::from_name(name).ok().flatten();
    named("postgres").or_else(|| named("nobody")).expect("a user that is not root")
}

#[expect(clippy::disallowed_methods, reason = "the test's own server")]
fn command(program: &Path, user: Option<&User>) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/").env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

fn spawn(bin: &Path, folder: &Path, user: Option<&User>) -> Child {
    let mut postgres = command(&bin.join("postgres"), user);
    postgres.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    postgres.args(["-c", "listen_addresses=", "-c", "max_connections=50"]);
    postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
