//! `mission generate`: shell completions and man pages.

use std::path::Path;

use clap::CommandFactory as _;

use super::Done;
use crate::cli::Cli;
use crate::cli::session::GenerateCommand;
use crate::context::print;
use crate::failure::Failure;

/// Writes what is asked for.
pub(crate) fn run(what: &GenerateCommand) -> Done {
    match what {
        GenerateCommand::Completions { shell } => completions(*shell),
        GenerateCommand::Man { dir } => {
            std::fs::create_dir_all(dir).map_err(|e| Failure::file(dir, &e))?;
            let mut command = Cli::command();
            // Gives every command below its whole name.
            command.build();
            man(&command, dir)
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Done {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mission", &mut out);
    print(&String::from_utf8_lossy(&out));
    Ok(())
}

/// Writes a page for `command` and one for each command below it, hidden ones left out.
fn man(command: &clap::Command, dir: &Path) -> Done {
    for inner in command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help")
    {
        man(inner, dir)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = dir.join(format!("{name}.1"));
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .and_then(|()| std::fs::write(&path, page));
    written.map_err(|e| Failure::file(&path, &e))
}
