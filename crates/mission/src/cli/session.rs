//! The arguments of `init`, `up`, `demo`, `service` and `generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Commit mission.toml, and nothing else
    #[arg(long)]
    pub(crate) commit: bool,
    /// Answer every question with yes, trust in this repository's commands included
    #[arg(long)]
    pub(crate) yes: bool,
}

/// The arguments of `up`.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<String>,
    /// Stop the agents too when the server stops
    #[arg(long)]
    pub(crate) stop_lanes: bool,
}

/// Takes host and port, or the port alone.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').map(|it| it.1).filter(|it| it.parse::<u16>().is_ok());
    let is_none = port.is_none() && !text.is_empty();
    let wrong = || "write host and port, like `127.0.0.1:4207`; port 0 takes a free one".to_owned();
    if is_none { Err(wrong()) } else { Ok(text.to_owned()) }
}

/// The arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many times faster than the script
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub(crate) speed: f64,
    /// Keep the demo's home and repository under this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Answer at once for the person, end when done, stop everything
    #[arg(long)]
    pub(crate) headless: bool,
    /// Leave the visual ticket out
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Only make the demo's home and repository in this folder
    #[arg(long, hide = true, value_name = "DIR", conflicts_with_all = ["keep", "drive", "verify"])]
    pub(crate) prepare_only: Option<PathBuf>,
    /// Only drive the demo in this folder, through whatever server is up there
    #[arg(long, hide = true, value_name = "DIR", conflicts_with_all = ["keep", "verify"])]
    pub(crate) drive: Option<PathBuf>,
    /// Only verify how the demo in this folder ended
    #[arg(long, hide = true, value_name = "DIR", conflicts_with = "keep")]
    pub(crate) verify: Option<PathBuf>,
}

/// The systemd unit.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Install the user unit and start it
    #[command(after_help = "Example:\n  mission service install")]
    Install,
    /// Stop it and remove the user unit
    #[command(after_help = "Example:\n  mission service uninstall")]
    Uninstall,
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Print completions for a shell
    #[command(after_help = "Example:\n  mission generate completions zsh > _mission")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder
    #[command(after_help = "Example:\n  mission generate man man1")]
    Man {
        /// The folder
        dir: PathBuf,
    },
}
