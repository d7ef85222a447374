//! A small agent's screen: a prompt that takes pasted turns, as full-screen agents do.

use std::io::{Read as _, Write as _};

use nix::sys::termios::{InputFlags, LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::Result;
use crate::error::system;

/// Asks the terminal to mark what is pasted.
const MARK_PASTES: &str = "\x1b[?2004h";

/// Takes that back.
const MARK_NO_PASTES: &str = "\x1b[?2004l";

/// The terminal on standard input, one character at a time until this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    before: Termios,
    typed: Typed,
}

impl Screen {
    /// Shows `banner` and makes the terminal ready.
    pub(super) fn open(banner: &str) -> Result<Self> {
        let fault = |e: nix::Error| system("set the terminal")(e.into());
        let before = tcgetattr(std::io::stdin()).map_err(fault)?;
        let mut raw = before.clone();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        raw.input_flags.remove(InputFlags::ICRNL);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &raw).map_err(fault)?;
        println!("\n  {banner}\n");
        Ok(Self { before, typed: Typed::default() })
    }

    /// Shows the prompt and returns the next turn; nothing once the terminal is gone.
    pub(super) fn next_turn(&mut self) -> Result<Option<String>> {
        print!("{MARK_PASTES}> ");
        std::io::stdout().flush().map_err(system("write to the terminal"))?;
        let mut bytes = [0; 4096];
        loop {
            if let Some(turn) = self.typed.next() {
                println!("[{} lines]", turn.lines().count());
                return Ok(Some(turn));
            }
            let read = std::io::stdin().read(&mut bytes).map_err(system("read the terminal"))?;
            let Some(new) = bytes.get(..read).filter(|new| !new.is_empty()) else {
                return Ok(None);
            };
            self.typed.bytes.extend_from_slice(new);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        print!("{MARK_NO_PASTES}");
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

/// What was typed and not yet taken.
#[derive(Debug, Default)]
struct Typed {
    bytes: Vec<u8>,
}

impl Typed {
    /// Takes the next turn: what stands before an Enter that is not part of a paste. An empty one is skipped.
    fn next(&mut self) -> Option<String> {
        loop {
            let end = self.enter()?;
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            let text = text.replace("\x1b[200~", "").replace("\x1b[201~", "").replace('\r', "\n");
            if !text.trim().is_empty() {
                return Some(text.trim_end().to_owned());
            }
        }
    }

    fn enter(&self) -> Option<usize> {
        let mut is_pasting = false;
        (0..self.bytes.len()).find(|at| {
            let rest = self.bytes.get(*at..).unwrap_or_default();
            if rest.starts_with(b"\x1b[200~") {
                is_pasting = true;
            } else if rest.starts_with(b"\x1b[201~") {
                is_pasting = false;
            }
            !is_pasting && rest.first() == Some(&b'\r')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_one_turn_and_ends_with_enter() {
        let mut typed = Typed::default();
        typed.bytes.extend(b"\r\x1b[200~# HB-2\rdo it\r\x1b[201~");
        assert_eq!(typed.next(), None);
        typed.bytes.extend(b"\rnext\r");
        assert_eq!(typed.next().as_deref(), Some("# HB-2\ndo it"));
        assert_eq!(typed.next().as_deref(), Some("next"));
        assert_eq!(typed.next(), None);
    }
}
