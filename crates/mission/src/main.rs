//! The binary `mission`: command line, environment, exit codes and terminal output. No rule about tickets is decided here.

mod cli;
mod commands;
mod context;
mod door;
mod failure;
mod home;
mod lane;
mod memory;
mod output;
mod process;
mod project;
mod repository;
mod tui;
mod wire;

fn main() -> std::process::ExitCode {
    commands::run(std::env::args_os())
}
