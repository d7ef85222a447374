//! The workspace's own tasks: `cargo xtask check`, `test`, `agents`, `bench` and `docs`. Nothing of the product lives here.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod agents;
mod bench;
mod check;
mod docs;
mod process;
mod source;
mod test;
mod tree;

/// Tasks for people who work on Mission Control.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Proves the rules of the house: layers, sizes, paths in the documents, names and places of files
    Check,
    /// Sets up what the tests need, then runs every check and test
    Test(test::Options),
    /// Installs the pinned agent programs that the tests run for real; `test` does it too
    Agents(agents::Options),
    /// Measures the benchmarks in the release profile and compares them with their aims
    Bench(bench::Options),
    /// Writes shell completions and man pages under `target/`
    Docs,
}

fn main() -> anyhow::Result<ExitCode> {
    let passed = match Cli::parse().task {
        Task::Check => check::run()?,
        Task::Test(options) => test::run(&options)?,
        Task::Agents(options) => agents::run(&options)?,
        Task::Bench(options) => bench::run(&options)?,
        Task::Docs => docs::run()?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
