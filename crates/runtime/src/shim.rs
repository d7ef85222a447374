//! One small process per attempt: owns the program, keeps its journal and records, serves a socket, writes the exit record.
//! Outlives the server and the runner. Single-threaded: one loop over everything that can happen.

mod answer;
mod child;
mod door;
mod ending;
mod forked;
mod frames;
mod held;
pub(crate) mod journal;
mod keys;
mod lane;
mod link;
mod oom;
mod os;
mod outer;
mod sources;
mod take_back;
mod talk;
mod times;
mod tmux_server;
mod tree;
mod turns;
mod typist;
mod verdict;
mod watch;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use crate::files::LaneFiles;
use crate::record_log::read_exit;
use crate::spec::LaunchSpec;

/// The exit code of a shim that could not do its work; the reason is on its error stream.
const FAILED: u8 = 70;

/// Runs the attempt whose `spec.json` is in `lane_dir`, to its end. For the hidden command `mission lane-shim LANE_DIR`:
/// to be called before any other thread is started, since it blocks signals for the whole process.
pub fn run(lane_dir: &Path) -> ExitCode {
    let done = LaunchSpec::read(lane_dir).and_then(|spec| lane::Shim::start(spec)?.serve());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let ended = read_exit(&LaneFiles::new(lane_dir).exit());
            let recorded =
                if matches!(ended, Ok(Some(_))) { "" } else { ", without an exit record" };
            let said = format!("the shim ends{recorded}: {}", e.in_full());
            eprintln!("{said}");
            if std::io::stderr().is_terminal() {
                // The pane closes with this process: what it shows is gone.
                let _ = std::fs::write(LaneFiles::new(lane_dir).shim_log(), said);
            }
            ExitCode::from(FAILED)
        }
    }
}
