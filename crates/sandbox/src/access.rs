//! Which paths a command may use, and the set that ordinary builds and tests need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which paths may be read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Only what lies beneath these paths; a path that does not exist is left out. Writable paths are readable too.
    Listed {
        /// Readable and executable.
        read: Vec<PathBuf>,
        /// Readable, executable and writable.
        write: Vec<PathBuf>,
    },
    /// Everything the user may.
    Unrestricted,
}

/// Programs, libraries and settings of the system.
const SYSTEM: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/opt",
    "/proc",
    "/sys",
    "/nix/store",
    "/run/systemd/resolve",
    "/home/linuxbrew/.linuxbrew",
];

/// Devices that every program expects. Not all of `/dev`: as root that would open the raw disks.
const DEVICES: [&str; 9] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// Toolchains below a home directory. `.cargo` is listed by its parts: `credentials.toml` is not one of them.
const TOOLCHAINS: [&str; 24] = [
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/.package-cache",
    ".cargo/.global-cache",
    ".rustup",
    ".nvm",
    ".volta",
    ".fnm",
    ".pyenv",
    ".rbenv",
    ".asdf",
    ".sdkman",
    ".deno",
    ".bun/bin",
    ".local/bin",
    ".local/lib",
    ".local/share/mise",
    ".local/share/fnm",
    ".local/share/uv",
    ".local/share/pnpm",
    "go/pkg",
];

/// Variables that name a toolchain's directory.
const TOOLCHAIN_VARIABLES: [&str; 6] =
    ["RUSTUP_HOME", "NVM_DIR", "PYENV_ROOT", "GOROOT", "JAVA_HOME", "VOLTA_HOME"];

/// Programs whose installation directory is found by following their links.
const PROGRAMS: [&str; 8] = ["node", "python3", "go", "ruby", "java", "deno", "bun", "cargo"];

impl Access {
    /// Returns the ordinary set: the system, the toolchains that `env` (`HOME`, `PATH`, …) names, and `write` to
    /// `cwd`, `tmp` and the harmless devices. Settings in a home, `.gitconfig` among them, are not part of it.
    pub fn standard(env: &BTreeMap<String, String>, cwd: &Path, tmp: &Path) -> Self {
        let mut read: BTreeSet<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        // Often a link to a place that is not listed.
        read.extend(Path::new("/etc/resolv.conf").canonicalize());
        let entries: Vec<PathBuf> =
            env.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        let entries: Vec<PathBuf> = entries.into_iter().filter(|e| e.is_absolute()).collect();
        for home in homes(env, &entries) {
            read.extend(TOOLCHAINS.iter().map(|part| home.join(part)));
        }
        read.extend(
            TOOLCHAIN_VARIABLES.iter().filter_map(|name| env.get(*name)).map(PathBuf::from),
        );
        read.extend(entries.iter().flat_map(|entry| installations(entry)));
        read.extend(entries);
        let mut write = vec![cwd.to_path_buf(), tmp.to_path_buf()];
        write.extend(DEVICES.iter().map(PathBuf::from));
        Self::Listed { read: read.into_iter().filter(|path| path.is_absolute()).collect(), write }
    }

    /// Adds a readable path. Does nothing to unrestricted access.
    #[must_use]
    pub fn with_read(mut self, path: impl Into<PathBuf>) -> Self {
        match &mut self {
            Self::Listed { read, .. } => read.push(path.into()),
            Self::Unrestricted => {}
        }
        self
    }

    /// Adds a writable path. Does nothing to unrestricted access.
    #[must_use]
    pub fn with_write(mut self, path: impl Into<PathBuf>) -> Self {
        match &mut self {
            Self::Listed { write, .. } => write.push(path.into()),
            Self::Unrestricted => {}
        }
        self
    }

    /// Returns whether something at or beneath `path` is open to the command: a caller asks this about its secrets.
    pub fn reaches(&self, path: &Path) -> bool {
        let real = |p: &Path| p.canonicalize().unwrap_or_else(|_| p.to_path_buf());
        let path = real(path);
        match self {
            Self::Listed { read, write } => read
                .iter()
                .chain(write)
                .map(|open| real(open))
                .any(|open| path.starts_with(&open) || open.starts_with(&path)),
            Self::Unrestricted => true,
        }
    }
}

/// Returns the home directories that toolchains live in: `HOME`, and the one above a dotted part of the `PATH`.
fn homes(env: &BTreeMap<String, String>, entries: &[PathBuf]) -> BTreeSet<PathBuf> {
    let above_dot = |entry: &PathBuf| {
        let is_dotted = |part: &&Path| {
            part.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        };
        entry.ancestors().find(is_dotted).and_then(Path::parent).map(Path::to_path_buf)
    };
    let mut homes: BTreeSet<PathBuf> = entries.iter().filter_map(above_dot).collect();
    homes.extend(env.get("HOME").map(PathBuf::from));
    homes.retain(|home| home.components().count() > 1);
    homes
}

/// Returns where the known programs of one `PATH` entry are really installed: `…/prefix` of `…/prefix/bin/node`.
fn installations(entry: &Path) -> Vec<PathBuf> {
    let prefix = |name: &&str| {
        let real = entry.join(name).canonicalize().ok()?;
        let bin = real.parent().filter(|dir| dir.ends_with("bin"))?;
        let prefix = bin.parent()?;
        // `/home/ada/bin/node` must not open `/home/ada`: three parts and more are an installation.
        let is_installation = prefix.components().count() > 4 && !prefix.ends_with(".local");
        is_installation.then(|| prefix.to_path_buf()).filter(|p| !p.ends_with(".cargo"))
    };
    PROGRAMS.iter().filter_map(prefix).collect()
}
