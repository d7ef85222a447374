//! The terminal that the shim itself runs on: tmux's pane. Bytes go through unchanged both ways.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use nix::pty::Winsize;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use crate::error::{Error, Result};
use crate::shim::child::{never_wait, write_some};
use crate::shim::os;

/// What may wait for a pane that takes nothing; older output is in the journal.
const BACKLOG_BYTES: usize = 1024 * 1024;

/// The pane.
#[derive(Debug)]
pub(crate) struct Outer {
    pub(crate) file: File,
    pub(crate) to_screen: VecDeque<u8>,
}

impl Outer {
    /// Takes over this process's terminal, if it has one.
    pub(crate) fn open() -> Result<Option<Self>> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let mut mode = tcgetattr(stdin.as_fd()).map_err(Error::system("tcgetattr"))?;
        cfmakeraw(&mut mode);
        tcsetattr(stdin.as_fd(), SetArg::TCSANOW, &mode).map_err(Error::system("tcsetattr"))?;
        let file = File::from(stdin.as_fd().try_clone_to_owned().map_err(Error::system("dup"))?);
        never_wait(file.as_fd())?;
        Ok(Some(Self { file, to_screen: VecDeque::new() }))
    }

    /// Returns the pane's size.
    pub(crate) fn size(&self) -> Option<Winsize> {
        os::window_size(&self.file).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0)
    }

    /// Shows `bytes`.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        if self.to_screen.len() < BACKLOG_BYTES {
            self.to_screen.extend(bytes);
        }
        self.flush();
    }

    /// Writes what the pane takes; a pane that is gone takes nothing, and SIGHUP tells it.
    pub(crate) fn flush(&mut self) {
        if !write_some(&mut self.file, &mut self.to_screen) {
            self.to_screen.clear();
        }
    }
}
