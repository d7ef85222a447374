//! The terminal as the view needs it, and as it was before: given back at the end, at a panic, and to another program for a while.

use std::io::{IsTerminal as _, Stdout, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::failure::Failure;

/// Whether the terminal is ours: a panic gives it back once.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// The terminal, ours until this is dropped.
pub(super) struct Ours {
    /// What is drawn on.
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

/// Returns whether somebody sits at a terminal that can be drawn on.
pub(crate) fn is_there() -> bool {
    std::io::stdin().is_terminal() && stdout().is_terminal() && !is_dumb()
}

/// Returns whether the terminal says of itself that it cannot be drawn on.
pub(crate) fn is_dumb() -> bool {
    std::env::var("TERM").is_ok_and(|it| it == "dumb")
}

impl Ours {
    /// Takes the terminal, and has it given back by a panic.
    pub(super) fn take() -> Result<Self, Failure> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        enter().map_err(|e| failed(&e))?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).map_err(|e| failed(&e))?;
        Ok(Self { terminal })
    }

    /// Gives the terminal to `other` and takes it again.
    pub(super) fn lend<T>(&mut self, other: impl FnOnce() -> T) -> Result<T, Failure> {
        give_back();
        let answer = other();
        self.retake()?;
        Ok(answer)
    }

    /// Gives the terminal back until [`Self::retake`].
    pub(super) fn give_back(&mut self) {
        give_back();
    }

    /// Takes the terminal again, whatever was done with it meanwhile: the next drawing draws all of it.
    pub(super) fn retake(&mut self) -> Result<(), Failure> {
        // Not `Terminal::clear`: it asks the terminal where the cursor is, and whoever reads the keys gets the answer.
        let anew = || {
            // A shell may have set the terminal up for itself; what is raw already would stay as that left it.
            disable_raw_mode()?;
            enter()?;
            execute!(stdout(), Clear(ClearType::All))?;
            Terminal::new(CrosstermBackend::new(stdout()))
        };
        self.terminal = anew().map_err(|e| failed(&e))?;
        Ok(())
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        give_back();
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::usage(format!("this terminal cannot be drawn on: {error}")).hint(
        "`mission watch | cat` prints events as lines, `mission needs-you` what waits for you",
    )
}

fn enter() -> std::io::Result<()> {
    enable_raw_mode()?;
    IS_OURS.store(true, Ordering::Release);
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)
}

fn give_back() {
    if IS_OURS.swap(false, Ordering::AcqRel) {
        // Whoever reads the terminal may be gone: there is nobody to tell.
        // A terminal that mixes its two screens when it is resized is left without our lines.
        let (mut out, all) = (stdout(), Clear(ClearType::All));
        let _ = execute!(out, all, MoveTo(0, 0), DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
