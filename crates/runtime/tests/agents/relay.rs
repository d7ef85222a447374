//! Something between the shim and a program that can be closed while both live on.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use mission_testkit::programs;
use nix::sys::signal::Signal;

use crate::lane::Stage;
use crate::stage::{eventually, signal};

/// A program behind a relay, not started yet.
pub(crate) struct Relay {
    script: PathBuf,
    /// Where the script writes what the relay needs: the socket's path, or the pid of what passes the output on.
    note: PathBuf,
    is_socket: bool,
}

/// A relay that passes on what comes.
pub(crate) enum Relayed {
    Socket { path: PathBuf, ends: [UnixStream; 2] },
    Pipe { pid: i32 },
}

impl Relay {
    /// Codex behind a relay of its WebSocket.
    pub(crate) fn socket(stage: &Stage) -> Self {
        let relay = Self::at(stage, true);
        let native = programs::native_codex().unwrap_or_else(|e| panic!("{e}"));
        let text = format!(
            "#!/bin/sh\nexport LC_ALL=C\necho \"${{3#unix://}}\" > '{}'\nexec '{}' \"$1\" \"$2\" \"$3.behind\"\n",
            relay.note.display(),
            native.display(),
        );
        relay.written(&text)
    }

    /// `program` behind a relay of its output.
    pub(crate) fn pipe(stage: &Stage, program: &str) -> Self {
        let relay = Self::at(stage, false);
        let (note, pipe) = (relay.note.display(), relay.note.with_extension("pipe"));
        let pipe = pipe.display();
        let text = format!(
            "#!/bin/sh\nmkfifo '{pipe}'\ncat '{pipe}' &\necho $! > '{note}'\nexec '{program}' \"$@\" > '{pipe}'\n"
        );
        relay.written(&text)
    }

    fn at(stage: &Stage, is_socket: bool) -> Self {
        let place = |name: &str| stage.home.path().join(name);
        Self { script: place("relay"), note: place("relay-note"), is_socket }
    }

    fn written(self, text: &str) -> Self {
        std::fs::write(&self.script, text).unwrap();
        std::fs::set_permissions(&self.script, Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// The command that starts the program behind it.
    pub(crate) fn command(&self) -> String {
        self.script.display().to_string()
    }

    /// Waits until the program is started, and connects the shim with it.
    pub(crate) fn is_up(&self) -> Relayed {
        let note = eventually("the program behind the relay", || {
            std::fs::read_to_string(&self.note).ok().filter(|it| it.ends_with('\n'))
        });
        let note = note.trim();
        if !self.is_socket {
            return Relayed::Pipe { pid: note.parse().unwrap() };
        }
        let path = PathBuf::from(note);
        let behind = PathBuf::from(format!("{note}.behind"));
        let program = eventually("codex's socket", || UnixStream::connect(&behind).ok());
        let listener = UnixListener::bind(&path).unwrap();
        let (shim, _) = listener.accept().unwrap();
        passes_on(&shim, &program);
        passes_on(&program, &shim);
        Relayed::Socket { path, ends: [shim, program] }
    }
}

impl Relayed {
    /// Closes it for good.
    pub(crate) fn close(self) {
        match self {
            Self::Socket { path, ends } => {
                // Nobody listens there since the one connection was made: it cannot be made again.
                let _ = std::fs::remove_file(path);
                for end in ends {
                    let _ = end.shutdown(Shutdown::Both);
                }
            }
            Self::Pipe { pid } => signal(pid, Signal::SIGKILL),
        }
    }
}

fn passes_on(from: &UnixStream, to: &UnixStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    });
}
