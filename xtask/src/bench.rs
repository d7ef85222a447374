//! `cargo xtask bench`: a registry of benchmarks, each a function that measures, with an aim beside the measured.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::process;

mod cli;
mod report;

pub(crate) use report::{Aim, Samples};

/// Which benchmarks to run and where the result goes.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only benchmarks whose name contains this text
    only: Option<String>,
    /// Measured runs of each benchmark
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Writes the table to docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// One benchmark: what it is called, where it should be, and how it is measured.
struct Bench {
    name: &'static str,
    aim: Aim,
    measure: fn(&Setting) -> Result<Samples>,
}

/// What every benchmark gets.
pub(crate) struct Setting {
    /// The `mission` binary of the release profile.
    pub(crate) mission: PathBuf,
    /// How many samples to take.
    pub(crate) runs: u32,
}

/// Every benchmark, in the order of the table. To add one, write its function and a line here.
const BENCHES: &[Bench] = &[
    Bench { name: "cli: ticket new", aim: Aim::median_ms(10.0), measure: cli::ticket_new },
    Bench { name: "cli: ticket list", aim: Aim::median_ms(10.0), measure: cli::ticket_list },
    Bench { name: "cli: ticket show", aim: Aim::median_ms(10.0), measure: cli::ticket_show },
    Bench { name: "cli: list of 10,000", aim: Aim::median_ms(60.0), measure: cli::long_list },
];

/// Builds the binary, measures, prints the table. A benchmark that cannot run fails the task and is shown as
/// such; one that misses its aim does not.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let setting = Setting { mission: build_mission()?, runs: options.runs };
    let wanted =
        |bench: &&Bench| options.only.as_deref().is_none_or(|text| bench.name.contains(text));
    let mut lines = Vec::new();
    for bench in BENCHES.iter().filter(wanted) {
        eprintln!("measuring {} …", bench.name);
        let result = (bench.measure)(&setting);
        if let Err(error) = &result {
            eprintln!("{}: {error:#}", bench.name);
        }
        lines.push(report::Line { name: bench.name, aim: bench.aim, result: result.ok() });
    }
    ensure!(!lines.is_empty(), "no benchmark has that name");
    let table = report::table(&lines, std::thread::available_parallelism()?.get());
    print!("{table}");
    if options.write {
        let path = process::root().join("docs/benchmarks.md");
        fs::write(&path, &table).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(lines.iter().all(|line| line.result.is_some()))
}

/// Builds the binary in the release profile and returns where it is.
pub(crate) fn build_mission() -> Result<PathBuf> {
    let mut build = process::cargo();
    build.args(["build", "--release", "--package", "mission"]);
    ensure!(process::passes(&mut build)?, "`cargo build --release --package mission` failed");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| process::root().join("target"), PathBuf::from);
    Ok(target.join("release/mission"))
}
